/** Label names of the metric contract; each has a bounded set of values (see docs/metrics.md). */
export const labelMeanings = {
  role: "the Redis role, `postgres` or `self`",
  fallback:
    "offline, fail_open, timestamp_id, postgres, unverified, opted_in, skip_dedup, breaker_only: what stood in for the role’s store",
  source: "cache or postgres",
  priority: "critical, high, normal or bulk",
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
  readonly type: "gauge" | "counter" | "histogram";
  /** Who emits it: the exporter's probes, or the platform's own processes (through redisops/fallbacks or by themselves). */
  readonly emitter: "exporter" | "application" | "both";
  readonly help: string;
  readonly labels: readonly LabelName[];
  /** Upper bounds of a histogram's buckets, in its unit. */
  readonly buckets?: readonly number[];
}

/** The metric contract. An exporter or an application may emit only what is declared here, with just these labels. */
export const metrics = {
  redisops_build_info: {
    type: "gauge",
    emitter: "exporter",
    help: "Always 1; the label says which redisops answers.",
    labels: ["version"],
  },
  redisops_role_up: {
    type: "gauge",
    emitter: "exporter",
    help: "1 when the role’s server accepted a real command before the deadline (Redis: a write), else 0.",
    labels: ["role"],
  },
  redisops_role_failure: {
    type: "gauge",
    emitter: "exporter",
    help: "1 for the way in which the role’s server failed to accept a command in this scrape, 0 for the others.",
    labels: ["role", "error_class"],
  },
  redisops_role_response_seconds: {
    type: "gauge",
    emitter: "exporter",
    help: "Time that the role’s server took for one real command in this scrape, connection already open.",
    labels: ["role"],
  },
  redisops_probe_success: {
    type: "gauge",
    emitter: "exporter",
    help: "1 when the probe collected all that it is meant to collect.",
    labels: ["probe", "role", "target"],
  },
  redisops_probe_duration_seconds: {
    type: "gauge",
    emitter: "exporter",
    help: "Time that the probe took, including connecting.",
    labels: ["probe", "role", "target"],
  },
  redisops_bloom_readable: {
    type: "gauge",
    emitter: "exporter",
    help: "1 when the filter’s own commands answered, else 0: a server can be up without a usable filter.",
    labels: ["role"],
  },
  redisops_bloom_fill_ratio: {
    type: "gauge",
    emitter: "exporter",
    help: "Share of the filter’s bits that are set. Above 1 MiB estimated from random windows.",
    labels: ["role"],
  },
  redisops_bloom_fill_standard_error_ratio: {
    type: "gauge",
    emitter: "exporter",
    help: "Standard error of the fill ratio; 0 when every bit was counted.",
    labels: ["role"],
  },
  redisops_bloom_size_bytes: {
    type: "gauge",
    emitter: "exporter",
    help: "Memory of the filter’s bits; 0 when the filter does not exist.",
    labels: ["role"],
  },
  redisops_bloom_capacity_ids: {
    type: "gauge",
    emitter: "exporter",
    help: "Ids that the filter is sized for at its target false-positive ratio.",
    labels: ["role"],
  },
  redisops_bloom_estimated_ids: {
    type: "gauge",
    emitter: "exporter",
    help: "Ids that the filter holds: the engine’s own count, or computed from the fill ratio.",
    labels: ["role"],
  },
  redisops_bloom_false_positive_ratio: {
    type: "gauge",
    emitter: "exporter",
    help: "Share of never-sent ids that the filter would report as sent, estimated from its fill.",
    labels: ["role"],
  },
  redisops_bloom_target_false_positive_ratio: {
    type: "gauge",
    emitter: "exporter",
    help: "False-positive ratio that the filter was sized for.",
    labels: ["role"],
  },
  redisops_bloom_canary_ids: {
    type: "gauge",
    emitter: "exporter",
    help: "Distinct known-sent ids that were sampled from Postgres and looked up in the filter: those sent next after random moments of the window, so even over time, not over ids.",
    labels: ["role"],
  },
  redisops_bloom_canary_absent_ratio: {
    type: "gauge",
    emitter: "exporter",
    help: "Share of the sampled distinct known-sent ids (see redisops_bloom_canary_ids) that the filter does not know. 0 in a complete filter.",
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
  redisops_postgres_connections: {
    type: "gauge",
    emitter: "exporter",
    help: "Client connections of the Postgres server by state.",
    labels: ["role", "state"],
  },
  redisops_postgres_connections_limit: {
    type: "gauge",
    emitter: "exporter",
    help: "Connections that are open to ordinary users: max_connections less the reserved ones.",
    labels: ["role"],
  },
  redisops_postgres_connections_refused: {
    type: "gauge",
    emitter: "exporter",
    help: "1 when Postgres had no connection left for the exporter, which then cannot count the others; else 0.",
    labels: ["role"],
  },
  redisops_provider_requests_total: {
    type: "counter",
    emitter: "both",
    help: "Answered requests made to the provider’s account by this process.",
    labels: ["role", "provider", "account"],
  },
  redisops_provider_throttled_total: {
    type: "counter",
    emitter: "both",
    help: "Those requests to the provider’s account that were answered with 429.",
    labels: ["role", "provider", "account"],
  },
  redisops_provider_retry_after_seconds: {
    type: "gauge",
    emitter: "exporter",
    help: "Wait that the provider asked for in its latest 429; 0 when the latest answer was none.",
    labels: ["role", "provider", "account"],
  },
  redisops_decisions_total: {
    type: "counter",
    emitter: "application",
    help: "Decisions that the role’s client made, with or without its store: a message routed, a rate checked, an id given, a preference read, a duplicate looked up, an account chosen.",
    labels: ["role"],
  },
  redisops_decisions_degraded_total: {
    type: "counter",
    emitter: "application",
    help: "Those decisions that a fallback made because the role’s store gave no answer.",
    labels: ["role", "fallback"],
  },
  redisops_store_calls_total: {
    type: "counter",
    emitter: "application",
    help: "Calls that were sent to the role’s store.",
    labels: ["role"],
  },
  redisops_store_failures_total: {
    type: "counter",
    emitter: "application",
    help: "Those calls that the role’s store did not answer within the deadline, or answered with an error.",
    labels: ["role", "error_class"],
  },
  redisops_store_short_circuited_total: {
    type: "counter",
    emitter: "application",
    help: "Calls that were not sent: the breaker was open, or too many calls were waiting already.",
    labels: ["role"],
  },
  redisops_breakers_open: {
    type: "gauge",
    emitter: "application",
    help: "Servers of the role’s store that this process keeps calls away from: 0 or 1, in a cluster up to the number of its primaries.",
    labels: ["role"],
  },
  redisops_rate_limited_total: {
    type: "counter",
    emitter: "application",
    help: "Messages that were refused because their sender was over the limit.",
    labels: ["role"],
  },
  redisops_messages_deferred_total: {
    type: "counter",
    emitter: "application",
    help: "Messages that were written to pending_deliveries instead of being handed to a connection server.",
    labels: ["role"],
  },
  redisops_pending_delivered_total: {
    type: "counter",
    emitter: "application",
    help: "Messages that this process’s delivery workers took out of pending_deliveries after their connection server acknowledged them.",
    labels: ["role"],
  },
  redisops_pending_delivery_failures_total: {
    type: "counter",
    emitter: "application",
    help: "Deliveries out of pending_deliveries that a connection server did not acknowledge; the message stays there.",
    labels: ["role"],
  },
  redisops_connection_events_waiting: {
    type: "gauge",
    emitter: "application",
    help: "Users whose latest connection event has not reached Kafka yet.",
    labels: ["role"],
  },
  redisops_connection_events_dropped_total: {
    type: "counter",
    emitter: "application",
    help: "Connection events that were given up because too many users’ events were waiting for Kafka.",
    labels: ["role"],
  },
  redisops_sequence_regressions_total: {
    type: "counter",
    emitter: "application",
    help: "Times that a conversation’s counter was found at or below an id that this process had already seen.",
    labels: ["role"],
  },
  redisops_preference_read_seconds: {
    type: "histogram",
    emitter: "application",
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
    help: "Time that a preference read took, by what answered it.",
    labels: ["role", "source"],
  },
  redisops_preference_stale_entries_total: {
    type: "counter",
    emitter: "application",
    help: "Cache entries that were older than a change of their user’s preferences, so Postgres was asked instead.",
    labels: ["role"],
  },
  redisops_preference_exposures_total: {
    type: "counter",
    emitter: "application",
    help: "Notifications decided to be sent on the assumption that the user is opted in, recorded for redisops audit preferences.",
    labels: ["role"],
  },
  redisops_preference_exposures_dropped_total: {
    type: "counter",
    emitter: "application",
    help: "Those that could not be recorded: the record was full, its disk failed or an id was too long. The audit is incomplete by these.",
    labels: ["role"],
  },
  redisops_duplicates_suppressed_total: {
    type: "counter",
    emitter: "application",
    help: "Notifications that were not sent because the filter knew their id.",
    labels: ["role"],
  },
  redisops_provider_account_blocked: {
    type: "gauge",
    emitter: "application",
    help: "1 while this process sends nothing through the account because the provider refused it, else 0.",
    labels: ["role", "provider", "account"],
  },
  redisops_provider_learned_limit: {
    type: "gauge",
    emitter: "application",
    help: "Requests per second that this process allows itself on the account by what the provider’s 429s taught it.",
    labels: ["role", "provider", "account"],
  },
  redisops_notifications_shed_total: {
    type: "counter",
    emitter: "application",
    help: "Notifications that no account of the provider had room for.",
    labels: ["role", "provider", "priority"],
  },
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof metrics;

/** The label names that a metric carries. */
export type LabelsOf<Name extends MetricName> = Record<(typeof metrics)[Name]["labels"][number], string>;
