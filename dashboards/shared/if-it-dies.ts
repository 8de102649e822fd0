import {
  CountsPerMinute,
  CountsPerSecond,
  PercentUnit,
  RequestsPerSecond,
  Short,
} from "@grafana/grafana-foundation-sdk/units";
import { type RedisRole, roleTitles } from "../../catalog/roles.ts";
import { colors } from "../colors.ts";
import { limitSteps } from "../drawn-signal.ts";
import { dashed } from "../narrow.ts";
import type { DataPanel, PanelQuery } from "../panel.ts";
import { cacheRate, readCapacity } from "../preferences/panels.ts";
import { maxBy, minBy, rateBy, sumBy } from "../series.ts";

const decisions = (role: RedisRole) => rateBy(["role"], "redisops_decisions_total", { role });

/** A counter may not exist before its first event; then nothing has happened. */
const orNothing = (rate: string, all: string) => `(${rate} or 0 * ${all})`;

/** Answers per second of each account, whichever instrumentation reports them. */
const answered = "sum by (provider, account) (redisops:provider_responses:rate)";

/** Shards whose loss is an outage until somebody acts: no replica follows their primary. */
function unprotected(role: RedisRole): PanelQuery {
  return {
    expression: `sum by (role) (${minBy(["role", "shard"], "redisops_shard_replicas_in_sync", { role })} == bool 0)`,
    legend: "shards without a replica to take over",
    unit: Short,
    thresholds: limitSteps(">", 1, colors.ticket),
  };
}

const postgresLeft: PanelQuery = {
  expression: `${maxBy(["role"], "redisops_postgres_connections_limit")} - sum by (role) (${maxBy(["role", "state"], "redisops_postgres_connections")})`,
  legend: "Postgres connections left for it",
  unit: Short,
};

/** What would follow now, in figures. The first ones are what users would feel. */
const consequences: Readonly<Record<RedisRole, { readonly words: string; readonly queries: PanelQuery[] }>> =
  {
    registry: {
      words:
        "Every message goes to pending_deliveries and arrives in a burst after the recovery; nobody is disconnected, and none is lost. Postgres has to take them: compare with the connections it has left.",
      queries: [
        {
          expression: `${decisions("registry")} - ${orNothing(rateBy(["role"], "redisops_messages_deferred_total", { role: "registry" }), decisions("registry"))}`,
          legend: "more messages into pending_deliveries",
          unit: CountsPerSecond,
        },
        {
          expression: sumBy(["role"], "redisops_registry_connections", { role: "registry" }),
          legend: "connected users who look offline",
          unit: Short,
        },
        postgresLeft,
      ],
    },
    rate_limit: {
      words:
        "Messages are let through uncounted, because refusing all of them would be worse. Those that are refused today would pass, and whoever wants to send without limit can.",
      queries: [
        {
          expression: `60 * ${orNothing(rateBy(["role"], "redisops_rate_limited_total", { role: "rate_limit" }), decisions("rate_limit"))}`,
          legend: "refused today, would pass",
          unit: CountsPerMinute,
        },
        { expression: decisions("rate_limit"), legend: "messages unchecked", unit: CountsPerSecond },
      ],
    },
    sequence: {
      words:
        "Ids are made of the clock and a random part. Messages of one conversation within the same millisecond have no certain order; delivery goes on. Where no replica takes over, look at the counters’ persistence before a restart.",
      queries: [
        { expression: decisions("sequence"), legend: "ids that would be timestamps", unit: CountsPerSecond },
      ],
    },
    preferences: {
      words:
        "Every read goes to Postgres. What it cannot serve is decided by assumption: people who opted out are notified. A headroom below 100 % means that this happens from the first second.",
      queries: [
        { expression: cacheRate, legend: "reads that would hit Postgres", unit: CountsPerSecond },
        { expression: readCapacity, legend: "reads that Postgres can serve", unit: CountsPerSecond },
        {
          expression: "min by (role) (redisops:preferences_headroom:ratio)",
          legend: "headroom of Postgres",
          unit: PercentUnit,
          thresholds: limitSteps("<", 1, colors.ticket),
        },
        {
          expression: `clamp_min(${cacheRate} - on (role) ${readCapacity}, 0)`,
          legend: "decided by assumption",
          unit: CountsPerSecond,
          thresholds: limitSteps(">", 1, colors.ticket),
        },
      ],
    },
    dedup: {
      words:
        "Notifications are sent unchecked, because a missed one is worse than a doubled one. What the filter holds back today would arrive twice, and what is sent meanwhile has to be told to the filter afterwards (redisops recover bloom).",
      queries: [
        {
          expression: `60 * ${orNothing(rateBy(["role"], "redisops_duplicates_suppressed_total", { role: "dedup" }), decisions("dedup"))}`,
          legend: "duplicates that would pass",
          unit: CountsPerMinute,
        },
        { expression: decisions("dedup"), legend: "notifications unchecked", unit: CountsPerSecond },
        {
          expression: maxBy(["role"], "redisops_bloom_estimated_ids"),
          legend: "ids to load again if its data goes",
          unit: Short,
        },
      ],
    },
    token_bucket: {
      words:
        "Workers keep the limits by their own breakers alone, each by the 429s that it has seen. The nearer an account is to its limit now, the sooner it is driven over it.",
      queries: [
        {
          expression: `${answered} / on (provider, account) ${maxBy(["provider", "account"], "redisops_token_bucket_refill_per_second")}`,
          legend: "{{provider}} {{account}}: limit in use",
          unit: PercentUnit,
          thresholds: limitSteps(">", 1, colors.ticket),
        },
        {
          expression: `${maxBy(["provider", "account"], "redisops_token_bucket_refill_per_second")} - on (provider, account) ${answered}`,
          legend: "{{provider}} {{account}}: left before 429s",
          unit: RequestsPerSecond,
        },
      ],
    },
  };

/** What the loss of the role’s store would mean now, computed from what is measured now. */
export function ifItDiesPanel(role: RedisRole): DataPanel {
  const { words, queries } = consequences[role];
  return {
    id: `if-it-dies-${dashed(role)}`,
    kind: "stat",
    title: "What happens if this dies now",
    meaning: `${roleTitles[role]}, lost at this moment, by the figures of this moment. ${words}`,
    normal:
      "there is no good figure: know them beforehand. Orange is what no fallback covers, such as a shard that nothing would take over.",
    width: 9,
    height: 11,
    unit: Short,
    decimals: 1,
    queries: [...queries, unprotected(role)],
    empty: "Nothing to compute it from: no traffic, or no process reports it",
  };
}
