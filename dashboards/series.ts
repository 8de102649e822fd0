import type { LabelName, MetricName } from "../catalog/metrics.ts";
import { measurePromql } from "../core/signal/promql.ts";

/** Matchers that bind an expression to the board's variables. */
export const boardMatchers: readonly string[] = ['job=~"$job"', 'instance=~"$instance"'];

/** PromQL of a metric's series, bound to the board's variables. */
export function series(metric: MetricName): string {
  return measurePromql({ metric }, boardMatchers);
}

/** The largest value by the given labels: two exporters that see the same thing count once. */
export function maxBy(labels: readonly LabelName[], metric: MetricName): string {
  return `max by (${labels.join(", ")}) (${series(metric)})`;
}

/** PromQL of a histogram's buckets (with the label `le`) or of its count of observations. */
export function histogramSeries(metric: MetricName, part: "bucket" | "count"): string {
  return series(metric).replace(metric, `${metric}_${part}`);
}
