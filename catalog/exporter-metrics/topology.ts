import type { MetricDefinition } from "../metric-definition.ts";

/** How the servers of a role stand together: shards, replicas, Sentinels, the role’s contract. */
export const topologyMetrics = {} as const satisfies Record<string, MetricDefinition>;
