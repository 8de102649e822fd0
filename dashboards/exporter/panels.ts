import {
  BytesIEC,
  NoUnit,
  PercentUnit,
  RequestsPerSecond,
  Seconds,
  Short,
} from "@grafana/grafana-foundation-sdk/units";
import type { MetricName } from "../../catalog/metrics.ts";
import { colors } from "../colors.ts";
import type { DataPanel } from "../panel.ts";
import { boardMatchers, maxBy, series } from "../series.ts";

/** The job whose absence ExporterDown reports; applications that emit the contract have jobs of their own. */
const exporterJob = "redisops";

/**
 * Each exporter with its version where it answers, without where it does not. It is up when one of its targets is: by
 * service discovery it has one for each role.
 */
function exporters(): string {
  const up = `max by (job, instance) (up{${[`job="${exporterJob}"`, ...boardMatchers].join(",")}})`;
  const versions = `max by (job, instance, version) (${series("redisops_build_info")})`;
  return `${up} * on (job, instance) group_left (version) ${versions} or on (job, instance) ${up}`;
}

/** Whether what the boards show is measured at all. */
export const probePanels: readonly DataPanel[] = [
  {
    id: "exporter-up",
    kind: "stat",
    title: "Exporters",
    meaning:
      "Whether Prometheus gets an answer from each exporter now, and which version answers. With none up, no other panel and no other alert means anything.",
    normal: "every exporter up, all on one version.",
    width: 6,
    height: 8,
    unit: NoUnit,
    queries: [{ expression: exporters(), legend: "{{instance}} {{version}}" }],
    states: [
      { value: 0, text: "down", color: colors.page },
      { value: 1, text: "up", color: colors.healthy },
    ],
    thresholds: [
      { from: undefined, color: colors.page },
      { from: 1, color: colors.healthy },
    ],
    empty: `Prometheus has no job “${exporterJob}”: add it to its scrape configuration`,
  },
  {
    id: "probe-success",
    kind: "state-timeline",
    title: "Probes",
    meaning:
      "Whether each probe collected all it is meant to, from the view of the exporter that fared worst. A probe that fails while its role is up points at permissions, a missing table or a deadline that is too short.",
    normal: "every probe complete.",
    width: 9,
    height: 8,
    unit: NoUnit,
    queries: [
      {
        expression: `min by (probe, target) (${series("redisops_probe_success")})`,
        legend: "{{probe}}: {{target}}",
      },
    ],
    states: [
      { value: 0, text: "incomplete", color: colors.ticket },
      { value: 1, text: "complete", color: colors.healthy },
    ],
    thresholds: [
      { from: undefined, color: colors.ticket },
      { from: 1, color: colors.healthy },
    ],
    empty: "No data: no exporter was scraped, or redisops.yaml names nothing to probe.",
  },
  {
    id: "probe-duration",
    kind: "timeseries",
    title: "Time that probes take",
    meaning:
      "Including connecting, from the slowest exporter’s view. A probe that is cut off at exporter.probe_timeout shows that value: its target hangs.",
    normal: "tens of milliseconds.",
    width: 9,
    height: 8,
    unit: Seconds,
    min: 0,
    queries: [
      {
        expression: maxBy(["probe", "target"], "redisops_probe_duration_seconds"),
        legend: "{{probe}}: {{target}}",
      },
    ],
    empty: "No data: no exporter was scraped, or redisops.yaml names nothing to probe.",
  },
];

const perExporter = (metric: MetricName) => `max by (instance) (${series(metric)})`;
const rate = (metric: MetricName) => `sum by (instance) (rate(${series(metric)}[$__rate_interval]))`;
const noExporter = "No data: no exporter was scraped at /metrics or /probe?target=self.";

/** What the exporters say of themselves. */
export const exporterPanels: readonly DataPanel[] = [
  {
    id: "exporter-configuration",
    kind: "state-timeline",
    title: "Exporters’ configuration",
    meaning:
      "Whether each exporter works with its files as they are on disk. Refused means that redisops.yaml, or the web configuration with its certificates, has turned bad and the exporter goes on with what it had: the next restart fails. Its log says where the file is wrong.",
    normal: "in use everywhere.",
    width: 12,
    height: 7,
    unit: NoUnit,
    queries: [
      {
        expression: perExporter("redisops_exporter_config_last_reload_successful"),
        legend: "{{instance}} redisops.yaml",
      },
      {
        expression: perExporter("redisops_exporter_web_config_last_reload_successful"),
        legend: "{{instance}} web configuration",
      },
    ],
    states: [
      { value: 0, text: "refused", color: colors.ticket },
      { value: 1, text: "in use", color: colors.healthy },
    ],
    thresholds: [
      { from: undefined, color: colors.ticket },
      { from: 1, color: colors.healthy },
    ],
    empty: noExporter,
  },
  {
    id: "exporter-configuration-age",
    kind: "stat",
    title: "Configuration read",
    meaning:
      "How long ago each exporter read the redisops.yaml that it works with. One that is much older than the others has missed a reload: send it SIGHUP.",
    normal: "about the same for all exporters.",
    width: 6,
    height: 7,
    unit: Seconds,
    queries: [
      {
        expression: `time() - ${perExporter("redisops_exporter_config_last_reload_success_timestamp_seconds")}`,
        legend: "{{instance}}",
      },
    ],
    empty: noExporter,
  },
  {
    id: "exporter-series-dropped",
    kind: "timeseries",
    title: "Series left out",
    meaning:
      "Series that exporters left out of their answers because there were more than exporter.max_series. Whole metrics of a probe are missing then, the largest first, and panels on them are empty. Look at what has grown, or raise the limit.",
    normal: "0.",
    width: 6,
    height: 7,
    unit: Short,
    min: 0,
    queries: [
      {
        expression: maxBy(["probe", "role"], "redisops_exporter_series_dropped"),
        legend: "{{probe}}: {{role}}",
      },
    ],
    empty: "No data: no exporter was scraped, or redisops.yaml names nothing to probe.",
  },
  {
    id: "exporter-scrapes",
    kind: "timeseries",
    title: "Scrapes",
    meaning:
      "How often exporters are asked, and how often they could not answer: Prometheus gave up first, or too many asked at once. Failures mean gaps in every other panel; compare the scrape timeout with the time that probes take.",
    normal: "a steady rate without failures.",
    width: 8,
    height: 7,
    unit: RequestsPerSecond,
    min: 0,
    queries: [
      { expression: rate("redisops_exporter_scrapes_total"), legend: "{{instance}} all" },
      { expression: rate("redisops_exporter_scrapes_failed_total"), legend: "{{instance}} failed" },
    ],
    empty: noExporter,
  },
  {
    id: "exporter-scrapes-in-flight",
    kind: "timeseries",
    title: "Scrapes at once",
    meaning:
      "Scrapes that each exporter was answering, the one that counted included. They share running probes, so a high number loads no server; it shows that answers take long.",
    normal: "as many as there are Prometheus servers, or fewer.",
    width: 8,
    height: 7,
    unit: Short,
    min: 0,
    queries: [{ expression: perExporter("redisops_exporter_scrapes_in_flight"), legend: "{{instance}}" }],
    empty: noExporter,
  },
  {
    id: "exporter-resources",
    kind: "timeseries",
    title: "Exporters’ CPU and memory",
    meaning:
      "What the exporters themselves take: the share of one core, and resident memory on the right. Memory that grows over days is a defect of the exporter.",
    normal: "a few percent of a core, memory flat around 100 MB.",
    width: 8,
    height: 7,
    unit: PercentUnit,
    min: 0,
    queries: [
      { expression: rate("redisops_exporter_cpu_seconds_total"), legend: "{{instance}} CPU" },
      {
        expression: perExporter("redisops_exporter_resident_memory_bytes"),
        legend: "{{instance}} memory",
        drawn: { rightAxisUnit: BytesIEC },
      },
    ],
    empty: noExporter,
  },
];
