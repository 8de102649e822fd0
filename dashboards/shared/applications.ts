import { CountsPerSecond, PercentUnit, Short } from "@grafana/grafana-foundation-sdk/units";
import type { DataPanel } from "../panel.ts";
import { rateBy, sumBy } from "../series.ts";
import { notReported } from "./not-reported.ts";

/** Which share of the decisions a fallback made. */
export const decisionsDegraded: DataPanel = {
  id: "decisions-degraded",
  kind: "timeseries",
  title: "Decisions made by a fallback",
  meaning:
    "Share of each role’s decisions that were made without its store, by the fallback that made them. This is what users feel of an outage: messages that wait (offline), no rate limit (fail_open), ids from the clock (timestamp_id), preferences guessed (opted_in), duplicates (skip_dedup), limits guessed (breaker_only).",
  normal: "0; short peaks at a failover.",
  width: 12,
  height: 8,
  unit: PercentUnit,
  min: 0,
  max: 1,
  queries: [
    {
      expression: `${rateBy(["role", "fallback"], "redisops_decisions_degraded_total")} / on (role) group_left () ${rateBy(["role"], "redisops_decisions_total")}`,
      legend: "{{role}}: {{fallback}}",
    },
  ],
  empty: notReported,
};

/** How many decisions there are. */
export const decisions: DataPanel = {
  id: "decisions",
  kind: "timeseries",
  title: "Decisions",
  meaning:
    "Decisions of each role over all processes. A role whose line ends while the others go on is one that nobody asks any more.",
  normal: "follows the traffic.",
  width: 12,
  height: 8,
  unit: CountsPerSecond,
  min: 0,
  queries: [{ expression: rateBy(["role"], "redisops_decisions_total"), legend: "{{role}}" }],
  empty: notReported,
};

/** What applications get from the stores. */
export const storeFailures: DataPanel = {
  id: "store-failures",
  kind: "timeseries",
  title: "Calls without an answer, as the applications see them",
  meaning:
    "Share of the calls to each store that got no answer in time, by the way in which they failed, and calls that were not even sent because a breaker was open (right axis). A store that is well for the exporter and fails here is cut off from the applications, or too slow for their deadline.",
  normal: "0.",
  width: 12,
  height: 8,
  unit: PercentUnit,
  min: 0,
  max: 1,
  queries: [
    {
      expression: `${rateBy(["role", "error_class"], "redisops_store_failures_total")} / on (role) group_left () ${rateBy(["role"], "redisops_store_calls_total")}`,
      legend: "{{role}}: {{error_class}}",
    },
    {
      expression: rateBy(["role"], "redisops_store_short_circuited_total"),
      legend: "{{role}}: not sent",
      drawn: { rightAxisUnit: CountsPerSecond },
    },
  ],
  empty: notReported,
};

/** Whom applications keep their calls away from. */
export const breakersOpen: DataPanel = {
  id: "breakers-open",
  kind: "timeseries",
  title: "Open breakers",
  meaning:
    "Servers that processes keep their calls away from, counted over all processes; in a cluster each primary counts by itself. A line that stays while the store answers means that its probes fail: look at the failures beside it.",
  normal: "0.",
  width: 12,
  height: 8,
  unit: Short,
  min: 0,
  queries: [{ expression: sumBy(["role"], "redisops_breakers_open"), legend: "{{role}}" }],
  empty: notReported,
};
