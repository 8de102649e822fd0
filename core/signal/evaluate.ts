import type { Measure, Signal, ThresholdSignal } from "../../catalog/signal.ts";
import type { Sample } from "../samples.ts";
import { signalLimit } from "./promql.ts";
import type { EffectiveThresholds } from "./thresholds.ts";

/** The value of a signal for one label set, and whether the mode holds for it. */
export interface Finding {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly holds: boolean;
}

type Groups = Map<string, { labels: Record<string, string>; value: number }>;

const combine = {
  max: Math.max,
  min: Math.min,
  sum: (a: number, b: number) => a + b,
} as const;

function aggregate(samples: readonly Sample[], measure: Measure, signal: ThresholdSignal): Groups {
  const wanted = Object.entries(measure.where ?? {});
  const excepted = Object.entries(measure.except ?? {});
  const groups: Groups = new Map();
  for (const { metric, labels, value } of samples) {
    if (metric !== measure.metric || wanted.some(([label, expected]) => labels[label] !== expected)) continue;
    if (excepted.some(([label, unwanted]) => labels[label] === unwanted)) continue;
    const own = Object.fromEntries(signal.by.map((label) => [label, labels[label] ?? ""]));
    const key = JSON.stringify(own);
    const known = groups.get(key);
    groups.set(key, {
      labels: own,
      value: known === undefined ? value : combine[signal.aggregate](known.value, value),
    });
  }
  return groups;
}

function compare(value: number, comparison: ThresholdSignal["comparison"], limit: number): boolean {
  switch (comparison) {
    case ">":
      return value > limit;
    case "<":
      return value < limit;
    case "==":
      return value === limit;
  }
}

function guardHolds(
  guard: ThresholdSignal,
  labels: Readonly<Record<string, string>>,
  samples: readonly Sample[],
  thresholds: EffectiveThresholds,
): boolean {
  const findings = evaluateSignal(guard, samples, thresholds) ?? [];
  const match = findings.find((finding) =>
    guard.by.every((label) => finding.labels[label] === labels[label]),
  );
  // One scrape has no rate: there, any request at all is traffic.
  if (match !== undefined && guard.rateWindow !== undefined && guard.over === undefined)
    return match.value > 0;
  return match?.holds ?? false;
}

/** A signal without its `or`. */
function ownFindings(
  signal: ThresholdSignal,
  samples: readonly Sample[],
  thresholds: EffectiveThresholds,
): Map<string, Finding> {
  const limit = signalLimit(signal, thresholds);
  const divisors = signal.over === undefined ? undefined : aggregate(samples, signal.over, signal);
  const findings = new Map<string, Finding>();
  for (const [key, { labels, value }] of aggregate(samples, signal.measure, signal)) {
    const divisor = divisors === undefined ? 1 : divisors.get(key)?.value;
    if (divisor === undefined) continue;
    const own = divisors === undefined ? value : value / divisor;
    const holds =
      compare(own, signal.comparison, limit) &&
      (signal.and === undefined || guardHolds(signal.and, labels, samples, thresholds));
    findings.set(key, { labels, value: own, holds });
  }
  return findings;
}

/** Findings by label set. Where both hold, the signal's own value counts, as it does for PromQL's `or`. */
function findingsOf(
  signal: ThresholdSignal,
  samples: readonly Sample[],
  thresholds: EffectiveThresholds,
): Map<string, Finding> {
  const findings = ownFindings(signal, samples, thresholds);
  if (signal.or === undefined) return findings;
  for (const [key, other] of findingsOf(signal.or, samples, thresholds)) {
    const own = findings.get(key);
    if (own === undefined || (other.holds && !own.holds)) findings.set(key, other);
  }
  return findings;
}

/**
 * Decides a signal on the samples of a single scrape. Counters count from the start of the probing process there, so
 * a ratio of rates becomes the ratio of what was counted so far. Returns undefined where only Prometheus can decide.
 */
export function evaluateSignal(
  signal: Signal,
  samples: readonly Sample[],
  thresholds: EffectiveThresholds,
): Finding[] | undefined {
  if (signal.kind !== "threshold") return undefined;
  return [...findingsOf(signal, samples, thresholds).values()];
}
