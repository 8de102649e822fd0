/** Label names of the metric contract; each has a bounded set of values (see docs/metrics.md). */
export const labelMeanings = {
  role: "the Redis role, `postgres` or `self`",
  probe: "the kind of probe: redis, bloom, pending_deliveries, token_buckets, postgres, provider",
  target: "what the probe was pointed at: the role, or provider/account as named in redisops.yaml",
  error_class:
    "refused, timeout, unreachable, auth, exhausted, loading, readonly, out_of_memory, write_refused, cluster_down, other",
  state: "active, idle, idle_in_transaction, other",
  provider: "the provider as named in redisops.yaml",
  account: "the account as named in redisops.yaml (never the provider’s own identifier)",
  version: "the released version",
} as const;

export type LabelName = keyof typeof labelMeanings;

export interface MetricDefinition {
  readonly type: "gauge" | "counter";
  readonly help: string;
  readonly labels: readonly LabelName[];
}

/** The metric contract. An exporter or an application may emit only what is declared here, with just these labels. */
export const metrics = {
  redisops_build_info: {
    type: "gauge",
    help: "Always 1; the label says which redisops answers.",
    labels: ["version"],
  },
  redisops_role_up: {
    type: "gauge",
    help: "1 when the role’s server accepted a real command before the deadline (Redis: a write), else 0.",
    labels: ["role"],
  },
  redisops_role_failure: {
    type: "gauge",
    help: "1 for the way in which the role’s server failed to accept a command in this scrape, 0 for the others.",
    labels: ["role", "error_class"],
  },
  redisops_role_response_seconds: {
    type: "gauge",
    help: "Time that the role’s server took for one real command in this scrape, connection already open.",
    labels: ["role"],
  },
  redisops_probe_success: {
    type: "gauge",
    help: "1 when the probe collected all that it is meant to collect.",
    labels: ["probe", "role", "target"],
  },
  redisops_probe_duration_seconds: {
    type: "gauge",
    help: "Time that the probe took, including connecting.",
    labels: ["probe", "role", "target"],
  },
  redisops_bloom_readable: {
    type: "gauge",
    help: "1 when the filter’s own commands answered, else 0: a server can be up without a usable filter.",
    labels: ["role"],
  },
  redisops_bloom_fill_ratio: {
    type: "gauge",
    help: "Share of the filter’s bits that are set. Above 1 MiB estimated from random windows.",
    labels: ["role"],
  },
  redisops_bloom_fill_standard_error_ratio: {
    type: "gauge",
    help: "Standard error of the fill ratio; 0 when every bit was counted.",
    labels: ["role"],
  },
  redisops_bloom_size_bytes: {
    type: "gauge",
    help: "Memory of the filter’s bits; 0 when the filter does not exist.",
    labels: ["role"],
  },
  redisops_bloom_capacity_ids: {
    type: "gauge",
    help: "Ids that the filter is sized for at its target false-positive ratio.",
    labels: ["role"],
  },
  redisops_bloom_estimated_ids: {
    type: "gauge",
    help: "Ids that the filter holds: the engine’s own count, or computed from the fill ratio.",
    labels: ["role"],
  },
  redisops_bloom_false_positive_ratio: {
    type: "gauge",
    help: "Share of never-sent ids that the filter would report as sent, estimated from its fill.",
    labels: ["role"],
  },
  redisops_bloom_target_false_positive_ratio: {
    type: "gauge",
    help: "False-positive ratio that the filter was sized for.",
    labels: ["role"],
  },
  redisops_bloom_canary_ids: {
    type: "gauge",
    help: "Distinct known-sent ids that were sampled from Postgres and looked up in the filter: those sent next after random moments of the window, so even over time, not over ids.",
    labels: ["role"],
  },
  redisops_bloom_canary_absent_ratio: {
    type: "gauge",
    help: "Share of the sampled distinct known-sent ids (see redisops_bloom_canary_ids) that the filter does not know. 0 in a complete filter.",
    labels: ["role"],
  },
  redisops_pending_deliveries: {
    type: "gauge",
    help: "Rows waiting in pending_deliveries, counted up to a bound (see exporter.pending_count_limit).",
    labels: ["role"],
  },
  redisops_pending_deliveries_oldest_timestamp_seconds: {
    type: "gauge",
    help: "Creation time of the oldest waiting row; absent when none waits.",
    labels: ["role"],
  },
  redisops_pending_deliveries_deliverable_ratio: {
    type: "gauge",
    help: "Share of sampled waiting rows whose user the registry shows as connected, in the age band where it is highest: 1-10 min, 10 min-1 h, 1-6 h, 6-24 h, 1-7 d or older, each with up to 40 distinct rows at random moments. A band with fewer than 10 does not count; 0 when none has enough.",
    labels: ["role"],
  },
  redisops_token_bucket_tokens: {
    type: "gauge",
    help: "Tokens that the account’s bucket holds now, refill included.",
    labels: ["role", "provider", "account"],
  },
  redisops_token_bucket_capacity: {
    type: "gauge",
    help: "Tokens that the account’s bucket holds when full.",
    labels: ["role", "provider", "account"],
  },
  redisops_postgres_connections: {
    type: "gauge",
    help: "Client connections of the Postgres server by state.",
    labels: ["role", "state"],
  },
  redisops_postgres_connections_limit: {
    type: "gauge",
    help: "Connections that are open to ordinary users: max_connections less the reserved ones.",
    labels: ["role"],
  },
  redisops_postgres_connections_refused: {
    type: "gauge",
    help: "1 when Postgres had no connection left for the exporter, which then cannot count the others; else 0.",
    labels: ["role"],
  },
  redisops_provider_requests_total: {
    type: "counter",
    help: "Answered requests made to the provider’s account by this process.",
    labels: ["role", "provider", "account"],
  },
  redisops_provider_throttled_total: {
    type: "counter",
    help: "Those requests to the provider’s account that were answered with 429.",
    labels: ["role", "provider", "account"],
  },
  redisops_provider_retry_after_seconds: {
    type: "gauge",
    help: "Wait that the provider asked for in its latest 429; 0 when the latest answer was none.",
    labels: ["role", "provider", "account"],
  },
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof metrics;

/** The label names that a metric carries. */
export type LabelsOf<Name extends MetricName> = Record<(typeof metrics)[Name]["labels"][number], string>;
