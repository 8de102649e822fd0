import { CountsPerSecond } from "@grafana/grafana-foundation-sdk/units";
import { type RedisRole, roleTitles } from "../../catalog/roles.ts";
import { dashed, narrowed } from "../narrow.ts";
import type { DataPanel } from "../panel.ts";
import { rateBy } from "../series.ts";
import { decisionsDegraded } from "./applications.ts";

/** What each role's client decides without its store, as the value of the label `fallback` says it. */
const fallbacks: Readonly<Record<RedisRole, { readonly decision: string; readonly words: string }>> = {
  registry: {
    decision: "a message to be routed",
    words: "offline: the message is written to pending_deliveries and arrives late, in a burst",
  },
  rate_limit: {
    decision: "a message to be counted",
    words: "fail_open: the message passes uncounted, so one sender may send without limit",
  },
  sequence: {
    decision: "an id to be given",
    words:
      "timestamp_id: the id is made of the clock and a random part, and messages of the same millisecond have no certain order",
  },
  preferences: {
    decision: "a person’s preferences to be read",
    words:
      "postgres: the table is read, slower but right; unverified: the cache’s entry is believed while Postgres cannot say whether it still holds; opted_in: neither answered in time, and the person is taken for somebody who has not opted out",
  },
  dedup: {
    decision: "a notification to be looked up",
    words: "skip_dedup: it is sent unchecked, and its redeliveries are duplicates",
  },
  token_bucket: {
    decision: "an account to be chosen",
    words: "breaker_only: only the worker’s own breaker keeps the limit, by the 429s it has seen",
  },
};

/** One role's decisions that were made without its store, by fallback, and all of its decisions. */
export function decisionsByFallbackPanel(role: RedisRole): DataPanel {
  const degraded = narrowed(decisionsDegraded, role);
  return {
    ...degraded,
    id: `decisions-by-fallback-${dashed(role)}`,
    title: "Decisions made by a fallback",
    meaning: `${roleTitles[role]}: a decision is ${fallbacks[role].decision}. Share of them that was made without the store, by what was done instead. ${fallbacks[role].words}. All decisions a second are on the right axis: a share of little traffic says little.`,
    normal: "0 on the left; short peaks at a failover.",
    queries: [
      ...degraded.queries.map((query) => ({ ...query, legend: "{{fallback}}" })),
      {
        expression: rateBy(["role"], "redisops_decisions_total", { role }),
        legend: "all decisions",
        drawn: { rightAxisUnit: CountsPerSecond },
      },
    ],
  };
}
