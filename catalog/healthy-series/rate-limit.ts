import type { HealthySeries } from "./healthy-series.ts";

const rateLimit = { role: "rate_limit" } as const;

/** One server, 1,000 checks a second, of which one in ten thousand is not answered in time. */
export const healthyRateLimit: readonly HealthySeries[] = [
  { metric: "redisops_role_up", labels: rateLimit, value: 1 },
  { metric: "redisops_rate_limit_canary_ratio", labels: rateLimit, value: 1 },
  { metric: "redisops_rate_limit_counters_without_ttl", labels: rateLimit, value: 0 },
  { metric: "redisops_rate_limit_counters_without_ttl_standard_error", labels: rateLimit, value: 0 },
  { metric: "redisops_decisions_total", labels: rateLimit, value: 0, increase: 60_000 },
  {
    metric: "redisops_decisions_degraded_total",
    labels: { ...rateLimit, fallback: "fail_open" },
    value: 0,
    increase: 6,
  },
];
