import type { LabelName } from "./metrics.ts";

/** A series that a recording rule makes. */
export interface RecordedSeries {
  readonly help: string;
  /** Labels of the contract, and those that only a recorded series has. */
  readonly labels: readonly (LabelName | "code" | "job" | "instance" | "slo" | "window")[];
}

/**
 * What Prometheus derives from the contract’s metrics and from OpenTelemetry’s. Alerts and boards read these; no process
 * reports them. alerts/recording-rules.ts has the expressions.
 */
export const recordedSeries = {
  "redisops:registry_coverage:ratio": {
    help: "Entries of the registry per live connection that the connection servers report: near 1, and near 0 while the registry has lost its entries. Absent where nobody reports a connection.",
    labels: ["role"],
  },
  "redisops:preferences_cache_hit:ratio": {
    help: "Share of the applications’ preference reads that the cache answered. Absent while they read nothing.",
    labels: ["role"],
  },
  "redisops:preferences_headroom:ratio": {
    help: "Reads per second that Postgres can serve, per read per second that the cache answers now: below 1 the loss of the cache overwhelms Postgres.",
    labels: ["role"],
  },
  "redisops:http_client_responses:rate": {
    help: "Answers per second that a process got from a provider, from OpenTelemetry’s http.client.request.duration.",
    labels: ["job", "instance", "role", "provider", "account", "code"],
  },
  "redisops:provider_responses:rate": {
    help: "Answers per second from each account over all processes, whether the contract’s counters or OpenTelemetry report them: code is the HTTP status from OpenTelemetry; the counters tell 429 and other.",
    labels: ["role", "provider", "account", "code"],
  },
  "redisops:provider_observed_limit:per_second": {
    help: "Requests per second that the provider grants the account: by its own headers, else the sum of what the processes learned from its 429s where that is below limit_per_second.",
    labels: ["role", "provider", "account"],
  },
  "redisops:provider_limit_drift:ratio": {
    help: "How far the observed limit is from limit_per_second of redisops.yaml: -0.2 when the provider grants a fifth less.",
    labels: ["role", "provider", "account"],
  },
  "redisops:slo_events:rate": {
    help: "Events per second that an objective is about (catalog/slos.ts), over the window that the label names.",
    labels: ["slo", "window", "role", "provider"],
  },
  "redisops:slo_errors:ratio": {
    help: "Share of those events that were bad. Absent while there are none.",
    labels: ["slo", "window", "role", "provider"],
  },
} as const satisfies Record<string, RecordedSeries>;

export type RecordedSeriesName = keyof typeof recordedSeries;
