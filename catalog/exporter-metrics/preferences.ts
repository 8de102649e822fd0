import type { MetricDefinition } from "../metric-definition.ts";

/** What the probe of the preferences cache reports. */
export const preferencesMetrics = {} as const satisfies Record<string, MetricDefinition>;
