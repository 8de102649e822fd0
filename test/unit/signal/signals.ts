import type { BurnRateSignal, PromqlSignal, ThresholdSignal } from "../../../catalog/signal.ts";
import type { Sample } from "../../../core/samples.ts";

/** A role that is down. */
export const down: ThresholdSignal = {
  kind: "threshold",
  measure: { metric: "redisops_role_up", where: { role: "dedup" } },
  aggregate: "max",
  by: ["role"],
  comparison: "==",
  limit: 0,
};

/** A gauge over another one. */
export const ratio: ThresholdSignal = {
  kind: "threshold",
  measure: { metric: "redisops_postgres_connections" },
  over: { metric: "redisops_postgres_connections_limit" },
  aggregate: "sum",
  by: ["role"],
  comparison: ">",
  limit: "used",
};

/** A gauge that counts only while another one is large enough. */
export const guarded: ThresholdSignal = {
  kind: "threshold",
  measure: { metric: "redisops_bloom_canary_absent_ratio" },
  aggregate: "max",
  by: ["role"],
  comparison: ">",
  limit: "absent",
  and: {
    kind: "threshold",
    measure: { metric: "redisops_bloom_canary_ids" },
    aggregate: "max",
    by: ["role"],
    comparison: ">",
    limit: "canaries",
  },
};

/** A role that is down, or a gauge that counts only while another one is large enough. */
export const either: ThresholdSignal = { ...down, or: guarded };

const byAccount = ["role", "provider", "account"] as const;

/** A ratio of rates that counts only where there is traffic. */
export const rates: ThresholdSignal = {
  kind: "threshold",
  measure: { metric: "redisops_provider_throttled_total" },
  over: { metric: "redisops_provider_requests_total" },
  rateWindow: "window",
  aggregate: "sum",
  by: byAccount,
  comparison: ">",
  limit: "throttled",
  and: {
    kind: "threshold",
    measure: { metric: "redisops_provider_requests_total" },
    rateWindow: "window",
    aggregate: "sum",
    by: byAccount,
    comparison: ">",
    limit: "traffic",
  },
};

/** What only Prometheus can decide: a value over a window of the mode's own. */
export const spoiled: PromqlSignal = {
  kind: "promql",
  value: "sum by (role) (rate(redisops_decisions_degraded_total[$window]))",
  by: ["role"],
  compared: { comparison: ">", limit: "traffic" },
  reason: "a test",
};

/** An error budget of 0.1 %. */
export const burning: BurnRateSignal = {
  kind: "burn-rate",
  slo: "decisions",
  by: ["role"],
  objective: "objective",
  minRate: "traffic",
  reason: "a test",
};

export const thresholds = {
  used: 0.85,
  absent: 0.05,
  canaries: 20,
  window: "5m",
  throttled: 0.05,
  traffic: 0.02,
  objective: 0.999,
};

/** A sample of any metric with any labels. */
export const of = (metric: Sample["metric"], labels: Sample["labels"], value: number): Sample => ({
  metric,
  labels,
  value,
});
