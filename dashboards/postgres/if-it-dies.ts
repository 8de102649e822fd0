import { CountsPerSecond, Short } from "@grafana/grafana-foundation-sdk/units";
import type { DataPanel } from "../panel.ts";
import { histogramSeries, maxBy, rateBy } from "../series.ts";

/** What the loss of Postgres would mean now: it has no fallback of its own, because it is what others fall back to. */
export const ifPostgresDies: DataPanel = {
  id: "if-it-dies-postgres",
  kind: "stat",
  title: "What happens if this dies now",
  meaning:
    "Postgres, lost at this moment, by the figures of this moment. What is written to pending_deliveries now could not be stored: its senders get an error and have to send it again. What waits there already stays, and arrives later. Preferences that the cache does not have are decided by assumption. Nothing that Redis does for the rest depends on it.",
  normal:
    "there is no good figure: know them beforehand. A Redis role that is down as well makes the first one the whole traffic.",
  width: 24,
  height: 6,
  unit: Short,
  decimals: 1,
  queries: [
    {
      expression: rateBy(["role"], "redisops_messages_deferred_total"),
      legend: "messages that could not be stored",
      unit: CountsPerSecond,
    },
    {
      expression: maxBy(["role"], "redisops_pending_deliveries"),
      legend: "messages that would go on waiting",
      unit: Short,
    },
    {
      expression: `sum by (role) (rate(${histogramSeries("redisops_preference_read_seconds", "count", { source: "postgres" })}[$__rate_interval]))`,
      legend: "preferences decided by assumption",
      unit: CountsPerSecond,
    },
    {
      expression: rateBy(["role"], "redisops_decisions_total", { role: "dedup" }),
      legend: "notifications sent unrecorded, unknown to a rebuilt filter",
      unit: CountsPerSecond,
    },
  ],
  empty: "Nothing to compute it from: no traffic, or no process reports it",
};
