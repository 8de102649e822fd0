import type { MetricDefinition } from "../metric-definition.ts";

/** What the probe of the token buckets reports. */
export const tokenBucketMetrics = {
  redisops_token_bucket_tokens: {
    type: "gauge",
    emitter: "exporter",
    help: "Tokens that the account’s bucket holds now, refill included.",
    labels: ["role", "provider", "account"],
  },
  redisops_token_bucket_capacity: {
    type: "gauge",
    emitter: "exporter",
    help: "Tokens that the account’s bucket holds when full.",
    labels: ["role", "provider", "account"],
  },
  redisops_token_bucket_refill_per_second: {
    type: "gauge",
    emitter: "exporter",
    help: "Tokens that the account’s bucket gains per second: limit_per_second of redisops.yaml.",
    labels: ["role", "provider", "account"],
  },
} as const satisfies Record<string, MetricDefinition>;
