import type { MetricDefinition } from "../metric-definition.ts";

/** What the probe of the rate counters reports. */
export const rateLimitMetrics = {
  redisops_rate_limit_canary_ratio: {
    type: "gauge",
    emitter: "exporter",
    help: "Share of the rate counters’ key space where a new counter counted 1, then 2, and had a time to live, in this scrape.",
    labels: ["role"],
  },
  redisops_rate_limit_counters_without_ttl: {
    type: "gauge",
    emitter: "exporter",
    help: "Counters that never expire and will lock their user out: the servers’ own count of keys without a time to live, times the share of roles.rate_limit.key among those of them that were met at random in this and earlier scrapes, or among all keys where none was met.",
    labels: ["role"],
  },
  redisops_rate_limit_counters_without_ttl_standard_error: {
    type: "gauge",
    emitter: "exporter",
    help: "Standard error of redisops_rate_limit_counters_without_ttl; 0 when they were counted. As large as the number itself where other keys without a time to live may be among them.",
    labels: ["role"],
  },
} as const satisfies Record<string, MetricDefinition>;
