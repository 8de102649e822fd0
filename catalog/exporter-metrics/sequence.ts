import type { MetricDefinition } from "../metric-definition.ts";

/** What the probe of the sequence counters reports. */
export const sequenceMetrics = {} as const satisfies Record<string, MetricDefinition>;
