import { z } from "zod";
import { alertingSection } from "./alerting-section.ts";
import { capacitySection } from "./capacity-section.ts";
import { address, httpUrl, labelName, positiveDuration } from "./fields.ts";
import { grafanaSection } from "./grafana-section.ts";
import { kafkaSection } from "./kafka-section.ts";
import { oncallSection } from "./oncall-section.ts";
import { postgresSection } from "./postgres-section.ts";
import { providersSection } from "./providers-section.ts";
import { recoverySection } from "./recovery-section.ts";
import { rolesSection } from "./redis-section.ts";
import { type ThresholdOverrides, thresholdsSection } from "./thresholds-section.ts";

const exporter = z
  .strictObject({
    listen: address().default("127.0.0.1:9910").describe("host:port on which the exporter answers."),
    probe_timeout: positiveDuration()
      .default("2s")
      .describe("Longest time for one probe; a server that takes longer counts as hung."),
    pending_count_limit: z
      .int()
      .min(1000)
      .max(10_000_000)
      .default(100_000)
      .describe("Waiting rows are counted up to this number, which bounds the query."),
    canary_ids: z
      .int()
      .min(20)
      .max(5000)
      .default(200)
      .describe("Known-sent ids that are sampled for the filter."),
    max_series: z
      .int()
      .min(200)
      .max(1_000_000)
      .default(10_000)
      .describe(
        "Series in one answer at most. The largest metrics are left out beyond it, and redisops_exporter_series_dropped says how much.",
      ),
  })
  .prefault({})
  .describe("The exporter.");

/** The one source of redisops.yaml: validation, docs/configuration.md and the JSON Schema come from it. */
export const configSchema = z
  .strictObject({
    platform: labelName().describe("Short name of the platform; severe actions ask for it."),
    roles: rolesSection,
    postgres: postgresSection.optional(),
    kafka: kafkaSection.optional(),
    providers: providersSection.default({}),
    exporter,
    prometheus: z
      .strictObject({ url: httpUrl().describe("Address of Prometheus.") })
      .optional()
      .describe("Lets redisops status say since when a mode holds."),
    alertmanager: z
      .strictObject({ url: httpUrl().describe("Address of Alertmanager.") })
      .optional()
      .describe("Lets redisops doctor and drills see what is notified."),
    alerting: alertingSection,
    grafana: grafanaSection.optional(),
    oncall: oncallSection,
    capacity: capacitySection,
    thresholds: thresholdsSection.default({}),
    recovery: recoverySection,
    state_dir: z
      .string()
      .optional()
      .describe("Folder for the journals of recoveries; ~/.local/state/redisops when left out."),
  })
  .describe("Configuration of redisops.");

export type Config = Omit<z.output<typeof configSchema>, "thresholds"> & {
  readonly thresholds: ThresholdOverrides;
};
