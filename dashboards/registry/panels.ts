import { PercentUnit, Short } from "@grafana/grafana-foundation-sdk/units";
import type { DataPanel } from "../panel.ts";
import { maxBy, series } from "../series.ts";

const notSampled = "No data: no shard of the registry answered, or roles.registry is not configured.";

/** Whether the registry works, and whether it knows who is connected. */
export const registryPanels: readonly DataPanel[] = [
  {
    id: "registry-coverage",
    kind: "timeseries",
    title: "Live connections that the registry knows",
    meaning:
      "Entries of the registry per live connection that the connection servers report. Near 0 % while the servers hold connections: the registry has lost its entries (a restart, a failover to an empty replica), and messages for connected people go to pending_deliveries.",
    normal:
      "close to 100 %. After the registry came back empty, the heartbeats fill it within one interval; above 100 % for as long as entries of ended connections live.",
    width: 8,
    height: 8,
    unit: PercentUnit,
    min: 0,
    queries: [{ expression: "redisops:registry_coverage:ratio", legend: "known" }],
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
