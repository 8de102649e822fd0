import { CountsPerSecond, PercentUnit, Seconds, Short } from "@grafana/grafana-foundation-sdk/units";
import type { DataPanel } from "../panel.ts";
import { boardMatchers, histogramSeries, maxBy, series } from "../series.ts";

const notProbed =
  "No data: the preferences probe failed (see Probes), or redisops.yaml lacks roles.preferences or postgres.tables.preferences.";

/** Reads per second that the applications had answered by the cache; what the cache itself counts where none reports. */
export const cacheRate = (() => {
  const matchers = ['source="cache"', ...boardMatchers].join(",");
  const answered = `sum by (role) (rate(redisops_preference_read_seconds_count{${matchers}}[$__rate_interval]))`;
  return `(${answered} or ${keyspaceRate("redisops_redis_keyspace_hits_total")})`;
})();

function keyspaceRate(metric: "redisops_redis_keyspace_hits_total" | "redisops_redis_keyspace_misses_total") {
  const matchers = ['role="preferences"', ...boardMatchers].join(",");
  // Two exporters that look at the same server see the same counter.
  return `sum by (role) (max by (role, node) (rate(${metric}{${matchers}}[$__rate_interval])))`;
}

/** Reads per second that Postgres can serve. */
export const readCapacity = maxBy(["role"], "redisops_preference_read_capacity");
const reads = histogramSeries("redisops_preference_read_seconds", "count");

/** Whether the cache may be believed, and how much it answers. */
export const cachePanels: readonly DataPanel[] = [
  {
    id: "preference-entries",
    kind: "timeseries",
    title: "Cached entries of people who just changed something",
    meaning:
      "Up to 100 people whose preferences changed between 5 s and 1 h ago, by what the cache holds for them. stale is the one that hurts: the entry claims to reflect the change and contradicts it, so it is believed and an opt-out may not be honoured; delete those entries, and look for changes that bypass the triggers. outdated is harmless: readers see it and ask Postgres. unknown_layout is written by something else than redisops.",
    normal: "stale and unknown_layout 0; the others follow how soon people are notified again.",
    width: 12,
    height: 8,
    unit: Short,
    min: 0,
    queries: [{ expression: maxBy(["state"], "redisops_preference_sampled_entries"), legend: "{{state}}" }],
    empty: notProbed,
  },
  {
    id: "preference-hit-ratio",
    kind: "timeseries",
    title: "Reads that the cache answers",
    meaning:
      "Share of the preference reads that the cache answered, and that Postgres did, as the applications count them (an outdated entry is no answer); and the share of reads that found a key, as the cache’s servers count, with all that shares them. It falls after a restart of the cache and fills by itself; every missing percent is load on Postgres.",
    normal: "over 95 %, and back there within an entry’s life (1 h) after a restart.",
    width: 12,
    height: 8,
    unit: PercentUnit,
    min: 0,
    max: 1,
    queries: [
      {
        expression: `sum by (source) (rate(${reads}[$__rate_interval])) / on () group_left () sum(rate(${reads}[$__rate_interval]))`,
        legend: "applications: {{source}}",
      },
      {
        expression: `${keyspaceRate("redisops_redis_keyspace_hits_total")} / (${keyspaceRate("redisops_redis_keyspace_hits_total")} + ${keyspaceRate("redisops_redis_keyspace_misses_total")})`,
        legend: "the cache’s own count",
      },
    ],
    empty: "No data: neither applications nor the cache’s servers report reads.",
  },
];

/** What its loss would mean. */
export const cacheLossPanels: readonly DataPanel[] = [
  {
    id: "preference-headroom",
    kind: "timeseries",
    title: "Would Postgres survive the loss of the cache?",
    meaning:
      "Reads per second that Postgres can serve, as a share of those that the cache answers now. Below 100 % the loss of the cache overwhelms Postgres: the bulkheads turn reads away and people are assumed opted in. The capacity is what redisops.yaml declares, or a rough figure measured with 4 connections, too low as a rule (docs/preferences.md has its error).",
    normal:
      "the higher the better; far below 100 % is usual for a large platform, and worth knowing beforehand.",
    width: 10,
    height: 8,
    unit: PercentUnit,
    min: 0,
    queries: [
      { expression: "min by (role) (redisops:preferences_headroom:ratio)", legend: "headroom" },
      { expression: readCapacity, legend: "Postgres can", drawn: { rightAxisUnit: CountsPerSecond } },
      { expression: cacheRate, legend: "the cache answers", drawn: { rightAxisUnit: CountsPerSecond } },
    ],
    empty:
      "No data: nothing reads preferences, or the capacity has not been measured yet (only while Postgres is idle enough) nor declared.",
  },
  {
    id: "preference-capacity-age",
    kind: "stat",
    title: "Capacity measured",
    meaning:
      "Time since the capacity of Postgres was measured. It is measured at most every 10 minutes, and not while Postgres is busy or the cache is away; then the last figure stands.",
    normal: "under 10 minutes; nothing where the capacity is declared.",
    width: 4,
    height: 8,
    unit: Seconds,
    queries: [
      {
        expression: `time() - max by (role) (${series("redisops_preference_read_capacity_timestamp_seconds")})`,
        legend: "ago",
      },
    ],
    empty: "Declared, or not measured yet",
  },
  {
    id: "preference-probe-reads",
    kind: "timeseries",
    title: "One read of a person’s preferences",
    meaning:
      "Median of five single reads by the exporter: from the cache, and from Postgres by primary key. Compare with what the applications report: when these are low and theirs are high, the applications or their way to the store are busy, not the store.",
    normal: "cache under 2 ms, Postgres under 5 ms.",
    width: 10,
    height: 8,
    unit: Seconds,
    min: 0,
    queries: [
      { expression: maxBy(["source"], "redisops_preference_probe_read_seconds"), legend: "{{source}}" },
    ],
    empty: notProbed,
  },
];
