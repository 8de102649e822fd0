import type { HealthySeries } from "./healthy-series.ts";

const sequence = { role: "sequence" } as const;

/** One server, 1,000 ids a second, of which one in ten thousand is a timestamp. */
export const healthySequence: readonly HealthySeries[] = [
  { metric: "redisops_role_up", labels: sequence, value: 1 },
  { metric: "redisops_sequence_canary_ratio", labels: sequence, value: 1 },
  { metric: "redisops_sequence_canary_regressions_total", labels: sequence, value: 0, increase: 0 },
  { metric: "redisops_sequence_regressions_total", labels: sequence, value: 0, increase: 0 },
  { metric: "redisops_sequence_conversations_sampled", labels: sequence, value: 50 },
  { metric: "redisops_sequence_conversations_regressed_ratio", labels: sequence, value: 0 },
  { metric: "redisops_sequence_largest_shortfall_ids", labels: sequence, value: 0 },
  { metric: "redisops_decisions_total", labels: sequence, value: 0, increase: 60_000 },
  {
    metric: "redisops_decisions_degraded_total",
    labels: { ...sequence, fallback: "timestamp_id" },
    value: 0,
    increase: 6,
  },
];
