import type { FaultSeries } from "./mode.ts";

type HealthySeries = Pick<FaultSeries, "metric" | "labels"> & {
  readonly value: number;
  /** A counter's increase per minute. */
  readonly increase?: number;
};

const dedup = { role: "dedup" } as const;
const postgres = { role: "postgres" } as const;
const account = { role: "token_bucket", provider: "twilio", account: "main" } as const;

/** A healthy platform as Prometheus sees it: every alert must be silent on it, and every alert test departs from it. */
export const healthySeries: readonly HealthySeries[] = [
  { metric: "up", labels: { job: "redisops", instance: "exporter-1:9910" }, value: 1 },
  { metric: "up", labels: { job: "redisops", instance: "exporter-2:9910" }, value: 1 },
  { metric: "redisops_role_up", labels: { role: "registry" }, value: 1 },
  { metric: "redisops_role_up", labels: { role: "rate_limit" }, value: 1 },
  { metric: "redisops_role_up", labels: { role: "sequence" }, value: 1 },
  { metric: "redisops_role_up", labels: { role: "preferences" }, value: 1 },
  { metric: "redisops_role_up", labels: dedup, value: 1 },
  { metric: "redisops_role_up", labels: { role: "token_bucket" }, value: 1 },
  { metric: "redisops_role_up", labels: postgres, value: 1 },
  { metric: "redisops_bloom_readable", labels: dedup, value: 1 },
  { metric: "redisops_bloom_canary_ids", labels: dedup, value: 200 },
  { metric: "redisops_bloom_canary_absent_ratio", labels: dedup, value: 0 },
  { metric: "redisops_bloom_false_positive_ratio", labels: dedup, value: 0.004 },
  { metric: "redisops_bloom_target_false_positive_ratio", labels: dedup, value: 0.01 },
  { metric: "redisops_pending_deliveries", labels: { role: "registry" }, value: 2000 },
  { metric: "redisops_pending_deliveries_deliverable_ratio", labels: { role: "registry" }, value: 0 },
  { metric: "redisops_postgres_connections", labels: { ...postgres, state: "active" }, value: 12 },
  { metric: "redisops_postgres_connections", labels: { ...postgres, state: "idle" }, value: 30 },
  { metric: "redisops_postgres_connections_limit", labels: postgres, value: 97 },
  { metric: "redisops_postgres_connections_refused", labels: postgres, value: 0 },
  { metric: "redisops_provider_requests_total", labels: account, value: 0, increase: 6000 },
  { metric: "redisops_provider_throttled_total", labels: account, value: 0, increase: 6 },
];
