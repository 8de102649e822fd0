import type { LabelName, MetricName } from "../catalog/metrics.ts";
import { measurePromql } from "../core/signal/promql.ts";

/** Matchers that bind an expression to the board's variables. */
export const boardMatchers: readonly string[] = ['job=~"$job"', 'instance=~"$instance"'];

/** Label values that narrow a metric's series down. */
export type Where = Readonly<Partial<Record<LabelName, string>>>;

/** PromQL of a metric's series, bound to the board's variables. */
export function series(metric: MetricName, where: Where = {}): string {
  return measurePromql({ metric, where }, boardMatchers);
}

/** The largest value by the given labels: two exporters that see the same thing count once. */
export function maxBy(labels: readonly LabelName[], metric: MetricName, where: Where = {}): string {
  return `max by (${labels.join(", ")}) (${series(metric, where)})`;
}

/** The smallest value by the given labels: what the exporter sees that fares worst. */
export function minBy(labels: readonly LabelName[], metric: MetricName, where: Where = {}): string {
  return `min by (${labels.join(", ")}) (${series(metric, where)})`;
}

/** Sum of a gauge over all processes, by the given labels. */
export function sumBy(labels: readonly LabelName[], metric: MetricName, where: Where = {}): string {
  return `sum by (${labels.join(", ")}) (${series(metric, where)})`;
}

/** Rate of a counter over the graph's resolution, summed over all processes by the given labels. */
export function rateBy(labels: readonly LabelName[], metric: MetricName, where: Where = {}): string {
  return `sum by (${labels.join(", ")}) (rate(${series(metric, where)}[$__rate_interval]))`;
}

/** PromQL of a histogram's buckets (with the label `le`) or of its count of observations. */
export function histogramSeries(metric: MetricName, part: "bucket" | "count", where: Where = {}): string {
  return series(metric, where).replace(metric, `${metric}_${part}`);
}
