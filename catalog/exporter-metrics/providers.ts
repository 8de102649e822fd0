import type { MetricDefinition } from "../metric-definition.ts";

/** What the probes of the providers’ accounts report. */
export const providerMetrics = {
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
} as const satisfies Record<string, MetricDefinition>;
