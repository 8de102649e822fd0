import type { MetricDefinition } from "../metric-definition.ts";

const labels = ["role", "provider", "account"] as const;

/** What the probes of the providers’ accounts report. */
export const providerMetrics = {
  redisops_provider_requests_total: {
    type: "counter",
    emitter: "both",
    help: "Answered requests made to the provider’s account by this process.",
    labels,
  },
  redisops_provider_throttled_total: {
    type: "counter",
    emitter: "both",
    help: "Those requests to the provider’s account that were answered with 429.",
    labels,
  },
  redisops_provider_retry_after_seconds: {
    type: "gauge",
    emitter: "exporter",
    help: "Wait that the provider asked for in its latest 429; 0 when the latest answer was none.",
    labels,
  },
  redisops_provider_up: {
    type: "gauge",
    emitter: "exporter",
    help: "1 when the provider answered the account’s probe as expected or throttled it, 0 when it rejected it or did not answer. Absent where the account is not probed.",
    labels,
  },
  redisops_provider_status: {
    type: "gauge",
    emitter: "exporter",
    help: "1 for the class of the answer to the account’s latest probe, 0 for the others.",
    labels: [...labels, "status_class"],
  },
  redisops_provider_credentials_rejected: {
    type: "gauge",
    emitter: "exporter",
    help: "1 when the provider answered the account’s probe with 401 or 403, else 0. Absent without an answer.",
    labels,
  },
  redisops_provider_response_seconds: {
    type: "gauge",
    emitter: "exporter",
    help: "Time from the account’s probe to the provider’s answer, connecting included. Absent without an answer.",
    labels,
  },
  redisops_provider_limit: {
    type: "gauge",
    emitter: "exporter",
    help: "Requests per window that the provider’s answer gives as the account’s limit.",
    labels,
  },
  redisops_provider_limit_remaining: {
    type: "gauge",
    emitter: "exporter",
    help: "Requests that the provider’s answer gives as left of that limit.",
    labels,
  },
  redisops_provider_limit_reset_timestamp_seconds: {
    type: "gauge",
    emitter: "exporter",
    help: "When that limit starts anew, by the provider’s answer.",
    labels,
  },
  redisops_provider_limit_per_second: {
    type: "gauge",
    emitter: "exporter",
    help: "That limit per second. Absent where nobody says how long the provider’s window is.",
    labels,
  },
  redisops_provider_concurrent_requests: {
    type: "gauge",
    emitter: "exporter",
    help: "Requests of the account that the provider was working on when it answered the probe (Twilio limits these).",
    labels,
  },
} as const satisfies Record<string, MetricDefinition>;
