import type { MetricDefinition } from "../metric-definition.ts";

/** What the probe of the deduplication filter reports. */
export const dedupMetrics = {
  redisops_bloom_readable: {
    type: "gauge",
    emitter: "exporter",
    help: "1 when the filter’s own commands answered, else 0: a server can be up without a usable filter.",
    labels: ["role"],
  },
  redisops_bloom_fill_ratio: {
    type: "gauge",
    emitter: "exporter",
    help: "Share of the filter’s bits that are set. Above 1 MiB estimated from random windows.",
    labels: ["role"],
  },
  redisops_bloom_fill_standard_error_ratio: {
    type: "gauge",
    emitter: "exporter",
    help: "Standard error of the fill ratio; 0 when every bit was counted.",
    labels: ["role"],
  },
  redisops_bloom_size_bytes: {
    type: "gauge",
    emitter: "exporter",
    help: "Memory of the filter’s bits; 0 when the filter does not exist.",
    labels: ["role"],
  },
  redisops_bloom_capacity_ids: {
    type: "gauge",
    emitter: "exporter",
    help: "Ids that the filter is sized for at its target false-positive ratio.",
    labels: ["role"],
  },
  redisops_bloom_estimated_ids: {
    type: "gauge",
    emitter: "exporter",
    help: "Ids that the filter holds: the engine’s own count, or computed from the fill ratio.",
    labels: ["role"],
  },
  redisops_bloom_false_positive_ratio: {
    type: "gauge",
    emitter: "exporter",
    help: "Share of never-sent ids that the filter would report as sent, estimated from its fill.",
    labels: ["role"],
  },
  redisops_bloom_measured_false_positive_ratio: {
    type: "gauge",
    emitter: "exporter",
    help: "Share of 100 random ids that nobody ever sent which the filter reported as sent in this scrape; average it over time. Far from redisops_bloom_false_positive_ratio: somebody writes with another layout.",
    labels: ["role"],
  },
  redisops_bloom_created_timestamp_seconds: {
    type: "gauge",
    emitter: "exporter",
    help: "When the filter was created, or replaced by one of another shape; absent where it does not say (RedisBloom, filters that older versions created).",
    labels: ["role"],
  },
  redisops_bloom_replica_readable: {
    type: "gauge",
    emitter: "exporter",
    help: "1 when the replica answered the filter’s own commands, else 0. Replicas that the Sentinels have declared down are left out, and of more than four the others.",
    labels: ["role", "node"],
  },
  redisops_bloom_replica_fill_ratio: {
    type: "gauge",
    emitter: "exporter",
    help: "Share of the bits that are set in the replica’s copy of the filter.",
    labels: ["role", "node"],
  },
  redisops_bloom_replica_canary_absent_ratio: {
    type: "gauge",
    emitter: "exporter",
    help: "Share of the sampled known-sent ids that the replica’s copy of the filter does not know: what would be sent again if it were promoted.",
    labels: ["role", "node"],
  },
  redisops_bloom_target_false_positive_ratio: {
    type: "gauge",
    emitter: "exporter",
    help: "False-positive ratio that the filter was sized for.",
    labels: ["role"],
  },
  redisops_bloom_canary_ids: {
    type: "gauge",
    emitter: "exporter",
    help: "Distinct known-sent ids that were sampled from Postgres and looked up in the filter: those sent next after random moments of the window, so even over time, not over ids.",
    labels: ["role"],
  },
  redisops_bloom_canary_absent_ratio: {
    type: "gauge",
    emitter: "exporter",
    help: "Share of the sampled distinct known-sent ids (see redisops_bloom_canary_ids) that the filter does not know. 0 in a complete filter.",
    labels: ["role"],
  },
} as const satisfies Record<string, MetricDefinition>;
