import {
  CountsPerSecond,
  PercentUnit,
  RequestsPerSecond,
  Seconds,
  Short,
} from "@grafana/grafana-foundation-sdk/units";
import type { LabelName, MetricName } from "../../catalog/metrics.ts";
import type { DataPanel, RowSpec } from "../panel.ts";
import { histogramSeries, series } from "../series.ts";

const notReported =
  "No data: no application process reports these metrics. They come from redisops/fallbacks, or from applications that implement docs/metrics.md.";

/** Rate of a counter, summed over all processes. */
const rate = (labels: readonly LabelName[], metric: MetricName) =>
  `sum by (${labels.join(", ")}) (rate(${series(metric)}[$__rate_interval]))`;

const sum = (labels: readonly LabelName[], metric: MetricName) =>
  `sum by (${labels.join(", ")}) (${series(metric)})`;

const decisions: readonly DataPanel[] = [
  {
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
        expression: `${rate(["role", "fallback"], "redisops_decisions_degraded_total")} / on (role) group_left () ${rate(["role"], "redisops_decisions_total")}`,
        legend: "{{role}}: {{fallback}}",
      },
    ],
    empty: notReported,
  },
  {
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
    queries: [{ expression: rate(["role"], "redisops_decisions_total"), legend: "{{role}}" }],
    empty: notReported,
  },
];

const calls: readonly DataPanel[] = [
  {
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
        expression: `${rate(["role", "error_class"], "redisops_store_failures_total")} / on (role) group_left () ${rate(["role"], "redisops_store_calls_total")}`,
        legend: "{{role}}: {{error_class}}",
      },
      {
        expression: rate(["role"], "redisops_store_short_circuited_total"),
        legend: "{{role}}: not sent",
        drawn: { rightAxisUnit: CountsPerSecond },
      },
    ],
    empty: notReported,
  },
  {
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
    queries: [{ expression: sum(["role"], "redisops_breakers_open"), legend: "{{role}}" }],
    empty: notReported,
  },
];

const messages: readonly DataPanel[] = [
  {
    id: "messages-held",
    kind: "timeseries",
    title: "Messages that wait, are refused, or get a regressed id",
    meaning:
      "Messages written to pending_deliveries instead of being handed over, messages refused by the rate limit, and conversations whose counter was found below an id already given (each is healed on the spot, and each is a sign of a sequence store that lost data).",
    normal: "deferred follows the share of offline users; rate-limited near 0; regressed 0.",
    width: 8,
    height: 8,
    unit: CountsPerSecond,
    min: 0,
    queries: [
      { expression: rate(["role"], "redisops_messages_deferred_total"), legend: "deferred" },
      { expression: rate(["role"], "redisops_rate_limited_total"), legend: "rate-limited" },
      { expression: rate(["role"], "redisops_sequence_regressions_total"), legend: "counter regressed" },
    ],
    empty: notReported,
  },
  {
    id: "pending-drained",
    kind: "timeseries",
    title: "Messages that delivery workers hand over",
    meaning:
      "Messages that left pending_deliveries after their recipient's connection server acknowledged them, and attempts that it did not acknowledge. After an outage of the registry the first line is the burst that ends it; a second line that stays is a connection server that takes nothing.",
    normal: "follows the deferred messages; refusals near 0.",
    width: 8,
    height: 8,
    unit: CountsPerSecond,
    min: 0,
    queries: [
      { expression: rate(["role"], "redisops_pending_delivered_total"), legend: "handed over" },
      { expression: rate(["role"], "redisops_pending_delivery_failures_total"), legend: "not acknowledged" },
    ],
    empty: notReported,
  },
  {
    id: "connection-events",
    kind: "timeseries",
    title: "Connection events on their way to Kafka",
    meaning:
      "Users whose latest connection event has not reached the topic from which a lost registry is rebuilt, and events that were given up (right axis): a rebuild would miss those users until they reconnect.",
    normal: "near 0 waiting, none given up.",
    width: 8,
    height: 8,
    unit: Short,
    min: 0,
    queries: [
      { expression: sum(["role"], "redisops_connection_events_waiting"), legend: "waiting" },
      {
        expression: rate(["role"], "redisops_connection_events_dropped_total"),
        legend: "given up",
        drawn: { rightAxisUnit: CountsPerSecond },
      },
    ],
    empty: notReported,
  },
];

const notifications: readonly DataPanel[] = [
  {
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
  },
  {
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
      { expression: rate(["role"], "redisops_preference_exposures_total"), legend: "assumed opted in" },
      {
        expression: rate(["role"], "redisops_preference_exposures_dropped_total"),
        legend: "not recorded",
      },
      {
        expression: rate(["role"], "redisops_preference_stale_entries_total"),
        legend: "outdated entries",
        drawn: { rightAxisUnit: CountsPerSecond },
      },
    ],
    empty: notReported,
  },
  {
    id: "accounts-blocked",
    kind: "timeseries",
    title: "Accounts that workers keep away from",
    meaning:
      "Workers that send nothing through an account because the provider refused it, and what all workers together allow themselves on it by what the 429s taught them (right axis).",
    normal: "0 blocked; the learned limit stands at or above the account’s limit.",
    width: 12,
    height: 8,
    unit: Short,
    min: 0,
    queries: [
      {
        expression: sum(["provider", "account"], "redisops_provider_account_blocked"),
        legend: "{{provider}} {{account}}",
      },
      {
        expression: sum(["provider", "account"], "redisops_provider_learned_limit"),
        legend: "{{provider}} {{account}} learned",
        drawn: { rightAxisUnit: RequestsPerSecond },
      },
    ],
    empty: notReported,
  },
  {
    id: "notifications-held",
    kind: "timeseries",
    title: "Notifications shed, and duplicates suppressed",
    meaning:
      "Notifications for which no account had room, by priority: bulk is shed first, critical (one-time passwords, fraud alerts) last. Suppressed duplicates are the filter at work; they end while it is away.",
    normal: "no shed line; duplicates in proportion to the queue’s redeliveries.",
    width: 12,
    height: 8,
    unit: CountsPerSecond,
    min: 0,
    queries: [
      {
        expression: rate(["provider", "priority"], "redisops_notifications_shed_total"),
        legend: "{{provider}} {{priority}} shed",
      },
      { expression: rate(["role"], "redisops_duplicates_suppressed_total"), legend: "duplicates suppressed" },
    ],
    empty: notReported,
  },
];

/** What the platform's own processes decide, with their stores and without. */
export function applicationsRow(): RowSpec {
  return {
    id: "applications",
    title: "What the applications do about it",
    panels: [...decisions, ...calls, ...messages, ...notifications],
  };
}
