import { CountsPerSecond, Seconds } from "@grafana/grafana-foundation-sdk/units";
import type { DataPanel } from "../panel.ts";
import { histogramSeries, rateBy } from "../series.ts";
import { notReported } from "../shared/not-reported.ts";

/** What reading preferences takes, by what answers. */
export const preferenceReads: DataPanel = {
  id: "preference-reads",
  kind: "timeseries",
  title: "Preference reads, 99th percentile",
  meaning:
    "Time of a preference read by what answered it, and reads a second (right axis). When the cache fails, the line of Postgres carries the traffic: if it climbs towards the deadline, the bulkhead starts to turn reads away and people are assumed opted in.",
  normal: "cache: milliseconds, nearly all reads; Postgres: misses only.",
  width: 12,
  height: 8,
  unit: Seconds,
  min: 0,
  queries: [
    {
      expression: `histogram_quantile(0.99, sum by (source, le) (rate(${histogramSeries("redisops_preference_read_seconds", "bucket")}[$__rate_interval])))`,
      legend: "{{source}}",
    },
    {
      expression: `sum by (source) (rate(${histogramSeries("redisops_preference_read_seconds", "count")}[$__rate_interval]))`,
      legend: "{{source}} reads",
      drawn: { rightAxisUnit: CountsPerSecond },
    },
  ],
  empty: notReported,
};

/** What was sent without knowing. */
export const preferenceExposures: DataPanel = {
  id: "preference-exposures",
  kind: "timeseries",
  title: "Sent on an assumption, and outdated cache entries",
  meaning:
    "Notifications sent although nobody could say whether the person had opted out, and those of them that could not be recorded for the audit. Right axis: cache entries that were found older than a change of their person’s preferences; Postgres was asked instead.",
  normal: "0 on the left; at the right about as many as preferences are changed.",
  width: 12,
  height: 8,
  unit: CountsPerSecond,
  min: 0,
  queries: [
    { expression: rateBy(["role"], "redisops_preference_exposures_total"), legend: "assumed opted in" },
    {
      expression: rateBy(["role"], "redisops_preference_exposures_dropped_total"),
      legend: "not recorded",
    },
    {
      expression: rateBy(["role"], "redisops_preference_stale_entries_total"),
      legend: "outdated entries",
      drawn: { rightAxisUnit: CountsPerSecond },
    },
  ],
  empty: notReported,
};
