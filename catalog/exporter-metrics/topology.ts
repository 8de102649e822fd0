import type { MetricDefinition } from "../metric-definition.ts";

/** How the servers of a role stand together: shards, replicas, Sentinels, the role’s contract. */
export const topologyMetrics = {
  redisops_shard_up: {
    type: "gauge",
    emitter: "exporter",
    help: "1 when the shard’s primary accepted a write in this scrape, else 0. A role that is no cluster has the one shard 0.",
    labels: ["role", "shard"],
  },
  redisops_shard_failure: {
    type: "gauge",
    emitter: "exporter",
    help: "1 for the way in which the shard’s primary failed to accept a write in this scrape, 0 for the others.",
    labels: ["role", "shard", "error_class"],
  },
  redisops_shard_response_seconds: {
    type: "gauge",
    emitter: "exporter",
    help: "Time that the shard’s primary took for one write in this scrape, connection already open.",
    labels: ["role", "shard"],
  },
  redisops_shard_key_space_ratio: {
    type: "gauge",
    emitter: "exporter",
    help: "Share of the role’s key space that the shard serves, and takes along when it is down.",
    labels: ["role", "shard"],
  },
} as const satisfies Record<string, MetricDefinition>;
