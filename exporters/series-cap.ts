import type { MetricName } from "../catalog/metrics.ts";
import { type Sample, sample } from "../core/samples.ts";
import type { ProbeResult } from "./probe.ts";

/** What tells whether a probe worked is never left out: a page without it would look healthy. */
const kept: ReadonlySet<MetricName> = new Set(["redisops_probe_success", "redisops_probe_duration_seconds"]);

interface Family {
  readonly metric: MetricName;
  readonly probe: ProbeResult["probe"];
  readonly count: number;
}

const familyKey = ({ probe }: ProbeResult, metric: MetricName) => `${probe.name} ${probe.target} ${metric}`;

/** A metric of one probe at a time, the largest first: what has grown out of bounds takes nothing else along. */
function droppedFamilies(results: readonly ProbeResult[], excess: number): Set<string> {
  const families = new Map<string, Family>();
  for (const result of results) {
    for (const { metric } of result.samples) {
      if (kept.has(metric)) continue;
      const key = familyKey(result, metric);
      families.set(key, { metric, probe: result.probe, count: (families.get(key)?.count ?? 0) + 1 });
    }
  }
  // Equally large ones in the order of their names, so that the same page loses the same series each time.
  const order = [...families].sort(([a, { count }], [b, other]) => other.count - count || (a < b ? -1 : 1));
  const dropped = new Set<string>();
  let left = excess;
  for (const [key, { count }] of order) {
    if (left <= 0) break;
    dropped.add(key);
    left -= count;
  }
  return dropped;
}

/**
 * The samples of a page with at most `limit` series, and how many of each probe and role were left out. Whole metrics of
 * a probe are left out, so that a sum over what is there is never a part of the truth.
 */
export function capSeries(results: readonly ProbeResult[], limit: number): Sample[] {
  const dropped = new Map<string, { probe: string; role: string; count: number }>();
  for (const { probe } of results) {
    dropped.set(`${probe.name} ${probe.role}`, { probe: probe.name, role: probe.role, count: 0 });
  }
  const total = results.reduce((sum, { samples }) => sum + samples.length, 0) + dropped.size;
  const families = total > limit ? droppedFamilies(results, total - limit) : new Set<string>();
  const page: Sample[] = [];
  for (const result of results) {
    const count = dropped.get(`${result.probe.name} ${result.probe.role}`);
    for (const own of result.samples) {
      if (families.size === 0 || !families.has(familyKey(result, own.metric))) page.push(own);
      else if (count !== undefined) count.count += 1;
    }
  }
  return [
    ...page,
    ...[...dropped.values()].map(({ probe, role, count }) =>
      sample("redisops_exporter_series_dropped", { probe, role }, count),
    ),
  ];
}
