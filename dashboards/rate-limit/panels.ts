import { CountsPerSecond, PercentUnit, Short } from "@grafana/grafana-foundation-sdk/units";
import type { DataPanel } from "../panel.ts";
import { maxBy, rateBy, series } from "../series.ts";
import { notReported } from "../shared/not-reported.ts";

const notSampled =
  "No data: no shard of the rate counters’ Redis answered, or roles.rate_limit is not configured.";

/** Whether counters count and expire, and how many never will. */
export const rateLimitPanels: readonly DataPanel[] = [
  {
    id: "rate-limit-stuck",
    kind: "timeseries",
    title: "Counters without a time to live",
    meaning:
      "Counters that never expire. Once such a counter is over the limit, its user can send nothing any more, for good. The number comes from the server’s own count of keys without a time to live; where other keys share the server, it is an estimate with the standard error beside it.",
    normal: "0.",
    width: 12,
    height: 8,
    unit: Short,
    min: 0,
    queries: [
      {
        expression: maxBy(["role"], "redisops_rate_limit_counters_without_ttl", { role: "rate_limit" }),
        legend: "never expire",
      },
      {
        expression: maxBy(["role"], "redisops_rate_limit_counters_without_ttl_standard_error"),
        legend: "standard error",
        drawn: "reference",
      },
    ],
    empty: notSampled,
  },
  {
    id: "rate-limit-canary",
    kind: "timeseries",
    title: "Counters that count",
    meaning:
      "Share of the key space where a new counter of the exporter’s own counted 1, then 2, and had a time to live, by the script that the applications use. For the users of the rest nothing is counted: they may send without limit.",
    normal: "100 %.",
    width: 12,
    height: 8,
    unit: PercentUnit,
    min: 0,
    max: 1,
    queries: [
      {
        expression: `min by (role) (${series("redisops_rate_limit_canary_ratio")})`,
        legend: "key space that works",
      },
    ],
    empty: notSampled,
  },
];

/** Whom the limit holds back. */
export const messagesRefused: DataPanel = {
  id: "messages-refused",
  kind: "timeseries",
  title: "Messages refused at the limit",
  meaning:
    "Messages that were refused because their sender was over the limit, a second and as a share of all that were checked (right axis). It ends while the role is down: then everything passes. One that rises while the traffic does not is an attack, or counters that never expire.",
  normal: "near 0, with peaks of single senders.",
  width: 12,
  height: 8,
  unit: CountsPerSecond,
  min: 0,
  queries: [
    {
      expression: rateBy(["role"], "redisops_rate_limited_total", { role: "rate_limit" }),
      legend: "refused",
    },
    {
      expression: `${rateBy(["role"], "redisops_rate_limited_total", { role: "rate_limit" })} / ${rateBy(["role"], "redisops_decisions_total", { role: "rate_limit" })}`,
      legend: "share of all",
      drawn: { rightAxisUnit: PercentUnit },
    },
  ],
  standsFor: ["RateLimitFailOpen", "RateLimitStuckCounters"],
  empty: notReported,
};
