import type { MetricDefinition } from "../metric-definition.ts";

/** What each Redis server says of itself. */
export const redisNodeMetrics = {} as const satisfies Record<string, MetricDefinition>;
