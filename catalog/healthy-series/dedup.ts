import type { HealthySeries } from "./healthy-series.ts";

const dedup = { role: "dedup" } as const;

/** A server with a replica behind Sentinels; 1,000 checks a second. */
export const healthyDedup: readonly HealthySeries[] = [
  { metric: "redisops_role_up", labels: dedup, value: 1 },
  { metric: "redisops_decisions_total", labels: dedup, value: 0, increase: 60_000 },
  {
    metric: "redisops_decisions_degraded_total",
    labels: { ...dedup, fallback: "skip_dedup" },
    value: 0,
    increase: 0,
  },
  { metric: "redisops_bloom_readable", labels: dedup, value: 1 },
  { metric: "redisops_bloom_canary_ids", labels: dedup, value: 200 },
  { metric: "redisops_bloom_canary_absent_ratio", labels: dedup, value: 0 },
  { metric: "redisops_bloom_false_positive_ratio", labels: dedup, value: 0.004 },
  { metric: "redisops_bloom_target_false_positive_ratio", labels: dedup, value: 0.01 },
];
