import type { MetricDefinition } from "../metric-definition.ts";

/** What the probe of the preferences cache, and of Postgres behind it, reports. */
export const preferencesMetrics = {
  redisops_preference_probe_read_seconds: {
    type: "gauge",
    emitter: "exporter",
    help: "Median time of five reads of one person’s preferences by the exporter, one after the other: from the cache, and from Postgres by primary key.",
    labels: ["role", "source"],
  },
  redisops_preference_sampled_entries: {
    type: "gauge",
    emitter: "exporter",
    help: "Cache entries of up to 100 people whose preferences changed between 5 s and 1 h ago: current, missing, outdated (from before the change, so readers ask Postgres), stale (claims to reflect the change and contradicts the row: it is believed, so an opt-out may not be honoured), unknown_layout (not written by redisops).",
    labels: ["role", "state"],
  },
  redisops_preference_read_capacity: {
    type: "gauge",
    emitter: "exporter",
    help: "Preference reads per second that Postgres can serve: declared in redisops.yaml, or measured in a short burst on 4 connections, a rough figure that is too low as a rule.",
    labels: ["role", "source"],
  },
  redisops_preference_read_capacity_timestamp_seconds: {
    type: "gauge",
    emitter: "exporter",
    help: "When the capacity was measured.",
    labels: ["role", "source"],
  },
} as const satisfies Record<string, MetricDefinition>;
