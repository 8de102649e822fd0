import { NoUnit, Seconds } from "@grafana/grafana-foundation-sdk/units";
import { roleTitles } from "../../catalog/roles.ts";
import { colors } from "../colors.ts";
import type { RowSpec } from "../panel.ts";
import { boardMatchers, maxBy, series } from "../series.ts";

/** The job whose absence ExporterDown reports; applications that emit the contract have jobs of their own. */
const exporterJob = "redisops";

/** Each exporter with its version where it answers, without where it does not. */
function exporters(): string {
  const up = `up{${[`job="${exporterJob}"`, ...boardMatchers].join(",")}}`;
  const versions = series("redisops_build_info");
  return `${up} * on (job, instance) group_left (version) ${versions} or on (job, instance) ${up}`;
}

/** Whether what this board shows is measured at all. */
export function selfRow(): RowSpec {
  return {
    id: "self",
    title: roleTitles.self,
    panels: [
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
    ],
  };
}
