import type { MetricDefinition } from "../metric-definition.ts";

/** What the probe of the rate counters reports. */
export const rateLimitMetrics = {} as const satisfies Record<string, MetricDefinition>;
