import { PercentUnit, Seconds, Short } from "@grafana/grafana-foundation-sdk/units";
import { PendingDeliveriesBacklog } from "../../catalog/modes/PendingDeliveriesBacklog.ts";
import { roleTitles } from "../../catalog/roles.ts";
import type { ThresholdOverrides } from "../../core/config/thresholds-section.ts";
import { drawSignal, percent } from "../drawn-signal.ts";
import type { DataPanel, RowSpec } from "../panel.ts";
import { maxBy, series } from "../series.ts";

const notSampled = "No data: no shard of the registry answered, or roles.registry is not configured.";

/** Whether the registry works, and whether it knows who is connected. */
const registry: readonly DataPanel[] = [
  {
    id: "registry-coverage",
    kind: "timeseries",
    title: "Live connections that the registry knows",
    meaning:
      "Entries of the registry per live connection that the connection servers report. Near 0 while the servers hold connections: the registry has lost its entries (a restart, a failover to an empty replica), and messages for connected people go to pending_deliveries.",
    normal:
      "close to 1. After the registry came back empty, the heartbeats fill it within one interval; above 1 for as long as entries of ended connections live.",
    width: 8,
    height: 8,
    unit: PercentUnit,
    min: 0,
    queries: [{ expression: "min by (role) (redisops:registry_coverage:ratio)", legend: "known" }],
    empty:
      "No data: no connection server reports redisops_registry_connections, the registry did not answer, or Prometheus does not have the recording rules.",
  },
  {
    id: "registry-entries",
    kind: "timeseries",
    title: "Entries and live connections",
    meaning:
      "Entries of the registry, estimated from its number of keys and a random sample of them, beside the connections that the servers hold. The standard error says how far the estimate may be off.",
    normal: "both lines together.",
    width: 8,
    height: 8,
    unit: Short,
    min: 0,
    queries: [
      { expression: maxBy(["role"], "redisops_registry_entries"), legend: "entries" },
      {
        expression: `sum by (role) (${series("redisops_registry_connections")})`,
        legend: "live connections",
        drawn: "reference",
      },
      {
        expression: maxBy(["role"], "redisops_registry_entries_standard_error"),
        legend: "standard error",
        drawn: "reference",
      },
    ],
    empty: notSampled,
  },
  {
    id: "registry-canary",
    kind: "timeseries",
    title: "Entries that come back, and entries that never expire",
    meaning:
      "Share of the registry’s key space where an entry was written, read back and had the right time to live. On the right axis entries without a time to live: their users look online for good, and their messages go to servers that do not have them.",
    normal: "100 %, and 0 without a time to live.",
    width: 8,
    height: 8,
    unit: PercentUnit,
    min: 0,
    max: 1,
    queries: [
      {
        expression: `min by (role) (${series("redisops_registry_canary_ratio")})`,
        legend: "key space that works",
      },
      {
        expression: maxBy(["role"], "redisops_registry_entries_without_ttl"),
        legend: "never expire",
        drawn: { rightAxisUnit: Short },
      },
      {
        expression: maxBy(["role"], "redisops_registry_entries_without_ttl_standard_error"),
        legend: "standard error",
        drawn: { rightAxisUnit: Short },
      },
    ],
    empty: notSampled,
  },
];

/** Whether the registry knows who is connected, and what waits for delivery because it did not find its recipient. */
export function registryRow(thresholds: ThresholdOverrides): RowSpec {
  const backlog = drawSignal(PendingDeliveriesBacklog, thresholds);
  return {
    id: "registry",
    title: `${roleTitles.registry} and pending deliveries`,
    panels: [
      ...registry,
      {
        id: "pending-deliverable",
        kind: "timeseries",
        title: "Waiting although the recipient is connected",
        meaning: `Share of sampled waiting messages, older than a minute, whose recipient the registry shows as connected. The alert fires above ${percent(backlog.limit)} while more than ${backlog.guardLimit ?? 0} messages wait.`,
        normal: "0, whatever the depth; a short peak after a registry outage drains by itself.",
        width: 8,
        height: 8,
        unit: PercentUnit,
        min: 0,
        max: 1,
        thresholds: backlog.steps,
        queries: [{ expression: backlog.expression, legend: "deliverable" }],
        empty: "No data: the registry or Postgres did not answer, or the table is not configured.",
      },
      {
        id: "pending-depth",
        kind: "timeseries",
        title: "Waiting messages",
        meaning:
          "Rows in pending_deliveries. It rises while the registry is down, because everybody looks offline, and falls as the delivery workers drain it. A flat top is the bound up to which rows are counted (exporter.pending_count_limit).",
        normal:
          "what people who are offline have not fetched yet: steady over the day, never growing without end.",
        width: 8,
        height: 8,
        unit: Short,
        min: 0,
        queries: [{ expression: maxBy(["role"], "redisops_pending_deliveries"), legend: "waiting" }],
        empty: "No data: Postgres did not answer, or the table is not configured.",
      },
      {
        id: "pending-oldest",
        kind: "timeseries",
        title: "Age of the oldest waiting message",
        meaning:
          "Time since the oldest row of pending_deliveries was written. A line that climbs by one second per second for everybody’s messages means that nothing is delivered; one person who stays offline looks the same, so read it with the panel at the left.",
        normal: "up to the time after which undelivered messages are dropped.",
        width: 8,
        height: 8,
        unit: Seconds,
        min: 0,
        queries: [
          {
            expression: `time() - min by (role) (${series("redisops_pending_deliveries_oldest_timestamp_seconds")})`,
            legend: "oldest",
          },
        ],
        empty: "No data: no message waits, or Postgres did not answer.",
      },
    ],
  };
}
