import type { MetricDefinition } from "../metric-definition.ts";

/** What the exporter reports of itself and of its probes. */
export const selfMetrics = {
  redisops_build_info: {
    type: "gauge",
    emitter: "exporter",
    help: "Always 1; the label says which redisops answers.",
    labels: ["version"],
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
} as const satisfies Record<string, MetricDefinition>;
