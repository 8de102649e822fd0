import type { LabelsOf, MetricName } from "../catalog/metrics.ts";

/** One value of one metric of the contract, as it was observed. */
export interface Sample {
  readonly metric: MetricName;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Makes a sample; the compiler holds the labels against the metric contract. */
export function sample<Name extends MetricName>(metric: Name, labels: LabelsOf<Name>, value: number): Sample {
  return { metric, labels, value };
}
