import type { MetricDefinition } from "../metric-definition.ts";

/** What the probe of the sequence counters reports. */
export const sequenceMetrics = {
  redisops_sequence_canary_ratio: {
    type: "gauge",
    emitter: "exporter",
    help: "Share of the sequence counters’ key space where this exporter’s own counter went on from what it was, in this scrape.",
    labels: ["role"],
  },
  redisops_sequence_canary_regressions_total: {
    type: "counter",
    emitter: "exporter",
    help: "Times that this exporter’s own counter was lower than before, or gone: the server lost writes.",
    labels: ["role"],
  },
  redisops_sequence_conversations_sampled: {
    type: "gauge",
    emitter: "exporter",
    help: "Recently active conversations whose counter was held against the highest sequence number among their 20 latest messages in Postgres. Half are drawn from the last 10 minutes, half from the rest of the day.",
    labels: ["role"],
  },
  redisops_sequence_conversations_regressed_ratio: {
    type: "gauge",
    emitter: "exporter",
    help: "Share of those conversations whose counter is below a sequence number that is in use, or gone: their next ids repeat.",
    labels: ["role"],
  },
  redisops_sequence_largest_shortfall_ids: {
    type: "gauge",
    emitter: "exporter",
    help: "Ids that the counter furthest behind would give a second time; 0 when none is behind.",
    labels: ["role"],
  },
} as const satisfies Record<string, MetricDefinition>;
