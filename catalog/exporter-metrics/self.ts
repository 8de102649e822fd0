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
  redisops_exporter_scrapes_total: {
    type: "counter",
    emitter: "exporter",
    help: "Scrapes of /metrics and /probe that were begun.",
    labels: [],
  },
  redisops_exporter_scrapes_failed_total: {
    type: "counter",
    emitter: "exporter",
    help: "Scrapes that got no metrics: the scraper gave up first, too many were under way, or the exporter has a defect.",
    labels: [],
  },
  redisops_exporter_scrapes_in_flight: {
    type: "gauge",
    emitter: "exporter",
    help: "Scrapes that are being answered, this one included.",
    labels: [],
  },
  redisops_exporter_series_dropped: {
    type: "gauge",
    emitter: "exporter",
    help: "Series left out of this answer because exporter.max_series was reached; 0 unless something is out of bounds.",
    labels: ["probe", "role"],
  },
  redisops_exporter_config_last_reload_successful: {
    type: "gauge",
    emitter: "exporter",
    help: "1 while the last reading of redisops.yaml was successful; 0 when it was refused and the one before is in use.",
    labels: [],
  },
  redisops_exporter_config_last_reload_success_timestamp_seconds: {
    type: "gauge",
    emitter: "exporter",
    help: "When the redisops.yaml in use was read.",
    labels: [],
  },
  redisops_exporter_web_config_last_reload_successful: {
    type: "gauge",
    emitter: "exporter",
    help: "1 while --web.config.file, its certificates and keys are in use as they are on disk, or there are none; 0 when they have turned bad and those before are in use.",
    labels: [],
  },
  redisops_exporter_cpu_seconds_total: {
    type: "counter",
    emitter: "exporter",
    help: "CPU time that the exporter's process has used.",
    labels: [],
  },
  redisops_exporter_resident_memory_bytes: {
    type: "gauge",
    emitter: "exporter",
    help: "Memory that the exporter's process holds.",
    labels: [],
  },
} as const satisfies Record<string, MetricDefinition>;
