import type { DegradationMode } from "../../catalog/mode.ts";
import type { Measure, Signal } from "../../catalog/signal.ts";
import { rangeQuery } from "../../core/prometheus.ts";
import type { Drill } from "./drill.ts";
import type { DrillSeries } from "./drill-result.ts";
import type { DrillTarget } from "./target.ts";

const deadline = 20_000;
/** A fallback that decided less often than this, per second, is not drawn. */
const negligible = 0.01;

/** What the applications decided while a drill ran. */
export interface DrillDecisions {
  /** Decisions per second: of each role by its store, and by each fallback that decided anything. */
  readonly series: readonly DrillSeries[];
  /** By `role: fallback`, how often it decided since the fault. */
  readonly byFallback: ReadonlyMap<string, number>;
  /** Milliseconds since the epoch at which a fallback was first seen to have decided since the fault. */
  readonly firstFallback: number | undefined;
}

const nameOf = ({ role = "", fallback }: Readonly<Record<string, string>>) =>
  `${role}: ${fallback ?? "store"}`;

/** Increases of a counter since a moment; what a process takes along when it ends is no decrease. */
function increases(points: readonly (readonly [number, number])[], since: number) {
  let total = 0;
  let first: number | undefined;
  let last: number | undefined;
  for (const [at, value] of points) {
    if (last !== undefined && at > since && value > last) {
      total += value - last;
      first ??= at;
    }
    last = value;
  }
  return { total, first };
}

/**
 * Reads from Prometheus what the applications' clients decided from one moment to another (milliseconds since the epoch) for
 * the roles that a drill concerns. Rejects with PROMETHEUS_UNAVAILABLE.
 */
export async function readDecisions(
  target: DrillTarget,
  drill: Drill,
  span: { readonly from: number; readonly fault: number; readonly to: number },
): Promise<DrillDecisions> {
  const range = { from: span.from / 1_000, to: span.to / 1_000, step: span.to - span.from > 600_000 ? 5 : 1 };
  const { prometheus, rateWindow } = target;
  const degraded = "redisops_decisions_degraded_total";
  const store = `sum by (role) (rate(redisops_decisions_total[${rateWindow}])) - (sum by (role) (rate(${degraded}[${rateWindow}])) or 0 * sum by (role) (rate(redisops_decisions_total[${rateWindow}])))`;
  const byFallback = `sum by (role, fallback) (rate(${degraded}[${rateWindow}]))`;
  const ask = (promql: string) => rangeQuery(prometheus, promql, range, deadline);
  const [counted, ...rated] = await Promise.all([
    ask(`sum by (role, fallback) (${degraded})`),
    ask(store),
    ask(byFallback),
  ]);
  const concerned = ({ labels }: { readonly labels: Readonly<Record<string, string>> }) =>
    target.concerns(drill, labels);

  const decided = counted.filter(concerned).map(({ labels, points }) => ({
    name: nameOf(labels),
    ...increases(points, span.fault / 1_000),
  }));
  const firsts = decided.flatMap(({ first }) => (first === undefined ? [] : [first * 1_000]));
  const series = rated
    .flat()
    .filter(concerned)
    .filter(({ points }) => points.some(([, value]) => value > negligible))
    .map(({ labels, points }) => ({
      name: nameOf(labels),
      unit: "decisions/s",
      points: points
        .filter(([, value]) => Number.isFinite(value))
        .map(
          ([at, value]) =>
            [Math.round(at * 1_000 - span.from), Math.max(0, Number(value.toFixed(2)))] as const,
        ),
    }));
  return {
    series: series.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    byFallback: new Map(decided.filter(({ total }) => total > 0).map(({ name, total }) => [name, total])),
    firstFallback: firsts.length === 0 ? undefined : Math.min(...firsts),
  };
}

function measuresOf(signal: Signal): Measure[] {
  if (signal.kind !== "threshold") return [];
  const own = signal.over === undefined ? [signal.measure] : [signal.measure, signal.over];
  return [
    ...own,
    ...[signal.and, signal.or].flatMap((other) => (other === undefined ? [] : measuresOf(other))),
  ];
}

/** The fallbacks by which a mode's own signal knows it, as `role: fallback`: while it holds, they must have decided. */
export function expectedFallbacks({ signal }: DegradationMode): string[] {
  return measuresOf(signal).flatMap(({ where }) =>
    where?.fallback === undefined ? [] : [nameOf({ role: where.role ?? "", fallback: where.fallback })],
  );
}
