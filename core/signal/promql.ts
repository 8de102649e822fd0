import type { RecordedSeriesName } from "../../catalog/recorded-series.ts";
import type { BurnRateSignal, Measure, PromqlSignal, Signal, ThresholdSignal } from "../../catalog/signal.ts";
import { type BurnRate, burnRates } from "../../catalog/slos.ts";
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
  const excepted = Object.entries(measure.except ?? {}).map(([label, value]) => `${label}!="${value}"`);
  return selector(measure.metric, measure.where, [...excepted, ...extraMatchers]);
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
export function signalLimit(
  { limit }: { readonly limit: number | string },
  thresholds: EffectiveThresholds,
): number {
  return typeof limit === "number" ? limit : Number(thresholdValue(thresholds, limit));
}

/** PromQL text with the thresholds that `$name` stands for. */
function filled(expression: string, thresholds: EffectiveThresholds): string {
  return expression.replace(/\$([a-z_]+)/g, (_, name: string) => String(thresholdValue(thresholds, name)));
}

/** PromQL of the value that a signal of Prometheus alone compares. */
export function promqlValue(signal: PromqlSignal, thresholds: EffectiveThresholds): string {
  return filled(signal.value, thresholds);
}

function promqlSignal(signal: PromqlSignal, thresholds: EffectiveThresholds): string {
  const value = promqlValue(signal, thresholds);
  const { compared, and } = signal;
  const own =
    compared === undefined ? value : `${value} ${compared.comparison} ${signalLimit(compared, thresholds)}`;
  return and === undefined ? own : `(${own}) and on (${signal.by.join(", ")}) (${filled(and, thresholds)})`;
}

/** Error budgets are fractions such as 0.001; their multiples would show the binary fraction's rounding. */
const rounded = (value: number) => Number(value.toPrecision(12));

/** PromQL of the budget burning too fast in any pair of windows of a severity. */
export function burnRatePromql(
  signal: BurnRateSignal,
  severity: BurnRate["severity"],
  thresholds: EffectiveThresholds,
): string {
  const budget = 1 - Number(thresholdValue(thresholds, signal.objective));
  const labels = signal.by.join(", ");
  const series = (name: RecordedSeriesName, window: string) =>
    `max by (${labels}) (${name}{slo="${signal.slo}",window="${window}"})`;
  const errors = (window: string, factor: number) =>
    `${series("redisops:slo_errors:ratio", window)} > ${rounded(budget * factor)}`;
  const traffic = (window: string) =>
    `${series("redisops:slo_events:rate", window)} > ${thresholdValue(thresholds, signal.minRate)}`;
  return burnRates
    .filter((rate) => rate.severity === severity)
    .map(
      ({ long, short, factor }) =>
        `(${errors(long, factor)} and on (${labels}) ${errors(short, factor)} and on (${labels}) ${traffic(long)})`,
    )
    .join(" or ");
}

/** PromQL of a signal: returns a series for each label set for which the mode holds. */
export function signalPromql(signal: Signal, thresholds: EffectiveThresholds): string {
  if (signal.kind === "promql") return promqlSignal(signal, thresholds);
  if (signal.kind === "burn-rate") return burnRatePromql(signal, "page", thresholds);
  const compared = `${signalValuePromql(signal, thresholds)} ${signal.comparison} ${signalLimit(signal, thresholds)}`;
  const own =
    signal.and === undefined
      ? compared
      : `(${compared}) and on (${signal.and.by.join(", ")}) (${signalPromql(signal.and, thresholds)})`;
  return signal.or === undefined ? own : `(${own}) or (${signalPromql(signal.or, thresholds)})`;
}
