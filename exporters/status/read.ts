import type { MetricName } from "../../catalog/metrics.ts";

/** The value of a metric in the samples of a look, of the series that carries the given labels; undefined without one. */
export type Read = (metric: MetricName, labels?: Readonly<Record<string, string>>) => number | undefined;
