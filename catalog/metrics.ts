import { applicationMetrics } from "./application-metrics.ts";
import { exporterMetrics } from "./exporter-metrics.ts";
import type { MetricDefinition } from "./metric-definition.ts";

export { type LabelName, labelMeanings, type MetricDefinition } from "./metric-definition.ts";

/** The metric contract. An exporter or an application may emit only what is declared here, with just these labels. */
export const metrics = {
  ...exporterMetrics,
  ...applicationMetrics,
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof metrics;

/** The series that the histograms consist of. */
export type HistogramSeriesName = {
  [Name in MetricName]: (typeof metrics)[Name]["type"] extends "histogram"
    ? `${Name}_${"bucket" | "count" | "sum"}`
    : never;
}[MetricName];

/** The label names that a metric carries. */
export type LabelsOf<Name extends MetricName> = Record<(typeof metrics)[Name]["labels"][number], string>;
