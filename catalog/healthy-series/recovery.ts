import type { HealthySeries } from "./healthy-series.ts";

const bloom = { role: "dedup", recovery: "bloom" } as const;
const tokenBuckets = { role: "token_bucket", recovery: "token-buckets" } as const;

/** Both recoveries have run before, and well. */
export const healthyRecovery: readonly HealthySeries[] = [bloom, tokenBuckets].flatMap((labels) => [
  { metric: "redisops_recovery_running" as const, labels, value: 0 },
  { metric: "redisops_recovery_last_run_failed" as const, labels, value: 0 },
]);
