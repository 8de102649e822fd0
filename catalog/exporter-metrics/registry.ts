import type { MetricDefinition } from "../metric-definition.ts";

/** What the probes of the registry and of what waits for it report. */
export const registryMetrics = {
  redisops_registry_canary_ratio: {
    type: "gauge",
    emitter: "exporter",
    help: "Share of the registry’s key space where an entry that was written was read back and had the right time to live, in one step, in this scrape.",
    labels: ["role"],
  },
  redisops_registry_entries: {
    type: "gauge",
    emitter: "exporter",
    help: "Entries of the registry: the keys of the shards that answered, times the share of roles.registry.key among 100 random keys. Counted where all keys were drawn; expired entries that the server has not removed yet are in it.",
    labels: ["role"],
  },
  redisops_registry_entries_standard_error: {
    type: "gauge",
    emitter: "exporter",
    help: "Standard error of redisops_registry_entries; 0 when they were counted.",
    labels: ["role"],
  },
  redisops_registry_entries_without_ttl: {
    type: "gauge",
    emitter: "exporter",
    help: "Entries that never expire: the servers’ own count of keys without a time to live, times the share of entries among those of them that were met at random. Their users look online for good.",
    labels: ["role"],
  },
  redisops_registry_entries_without_ttl_standard_error: {
    type: "gauge",
    emitter: "exporter",
    help: "Standard error of redisops_registry_entries_without_ttl; 0 when they were counted.",
    labels: ["role"],
  },
  redisops_pending_deliveries: {
    type: "gauge",
    emitter: "exporter",
    help: "Rows waiting in pending_deliveries, counted up to a bound (see exporter.pending_count_limit).",
    labels: ["role"],
  },
  redisops_pending_deliveries_oldest_timestamp_seconds: {
    type: "gauge",
    emitter: "exporter",
    help: "Creation time of the oldest waiting row; absent when none waits.",
    labels: ["role"],
  },
  redisops_pending_deliveries_deliverable_ratio: {
    type: "gauge",
    emitter: "exporter",
    help: "Share of sampled waiting rows whose user the registry shows as connected, in the age band where it is highest: 1-10 min, 10 min-1 h, 1-6 h, 6-24 h, 1-7 d or older, each with up to 40 distinct rows at random moments. A band with fewer than 10 does not count; 0 when none has enough.",
    labels: ["role"],
  },
} as const satisfies Record<string, MetricDefinition>;
