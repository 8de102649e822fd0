import type { MetricDefinition } from "./metric-definition.ts";

/** What only the platform's own processes can report. */
export const applicationMetrics = {
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
  redisops_registry_connections: {
    type: "gauge",
    emitter: "application",
    help: "Users whose live connection this process holds, as it would have them in the registry: registered or kept alive, and neither ended nor superseded by a newer connection.",
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
