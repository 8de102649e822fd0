import type { Measure, Signal, ThresholdSignal } from "../../catalog/signal.ts";
import { type EffectiveThresholds, thresholdValue } from "./thresholds.ts";

function selector(
  series: string,
  where: Readonly<Record<string, string | undefined>> = {},
  extraMatchers: readonly string[] = [],
): string {
  const own = Object.entries(where).map(([label, value]) => `${label}="${value}"`);
  const matchers = [...own, ...extraMatchers];
  return matchers.length === 0 ? series : `${series}{${matchers.join(",")}}`;
}

/** PromQL of a measure's series; `extraMatchers` such as `job=~"$job"` narrow it further. */
export function measurePromql(measure: Measure, extraMatchers: readonly string[] = []): string {
  return selector(measure.metric, measure.where, extraMatchers);
}

/** PromQL of a measure's rate. A recorded one is a sum over processes, so nothing is left for `extraMatchers` to match. */
function ratePromql(measure: Measure, window: string | number, extraMatchers: readonly string[]): string {
  if (measure.recorded !== undefined) return selector(measure.recorded.series, measure.recorded.where);
  return `rate(${measurePromql(measure, extraMatchers)}[${window}])`;
}

/** PromQL of the value that a signal compares, without the comparison: what a panel draws. */
export function signalValuePromql(
  signal: ThresholdSignal,
  thresholds: EffectiveThresholds,
  extraMatchers: readonly string[] = [],
): string {
  const term = (measure: Measure) => {
    const series =
      signal.rateWindow === undefined
        ? measurePromql(measure, extraMatchers)
        : ratePromql(measure, thresholdValue(thresholds, signal.rateWindow), extraMatchers);
    return `${signal.aggregate} by (${signal.by.join(", ")}) (${series})`;
  };
  return signal.over === undefined ? term(signal.measure) : `${term(signal.measure)} / ${term(signal.over)}`;
}

/** The number that a signal compares with. */
export function signalLimit(signal: ThresholdSignal, thresholds: EffectiveThresholds): number {
  return typeof signal.limit === "number" ? signal.limit : Number(thresholdValue(thresholds, signal.limit));
}

/** PromQL of a signal: returns a series for each label set for which the mode holds. */
export function signalPromql(signal: Signal, thresholds: EffectiveThresholds): string {
  if (signal.kind === "promql") return signal.expression;
  const compared = `${signalValuePromql(signal, thresholds)} ${signal.comparison} ${signalLimit(signal, thresholds)}`;
  const own =
    signal.and === undefined
      ? compared
      : `(${compared}) and on (${signal.and.by.join(", ")}) (${signalPromql(signal.and, thresholds)})`;
  return signal.or === undefined ? own : `(${own}) or (${signalPromql(signal.or, thresholds)})`;
}
