import { CountsPerSecond, PercentUnit, Short } from "@grafana/grafana-foundation-sdk/units";
import type { DataPanel } from "../panel.ts";
import { maxBy, rateBy, series } from "../series.ts";
import { notReported } from "../shared/not-reported.ts";

const notCompared =
  "No data: the counters’ Redis or Postgres did not answer, no message was sent today, or postgres.tables.messages is not configured.";

/** Whether counters only rise, and whether live ones are above what Postgres says is in use. */
export const sequencePanels: readonly DataPanel[] = [
  {
    id: "sequence-regressed",
    kind: "timeseries",
    title: "Conversations whose counter fell behind",
    meaning:
      "A sample of recently active conversations: share of those whose counter is below a sequence number that Postgres has, or gone. Their next messages get ids that are taken, and are ordered before messages that were sent earlier. The size of the sample is on the right axis.",
    normal:
      "0. Anything above it is lost data, and ids repeat: redisops recover sequence raises the counters.",
    width: 12,
    height: 8,
    unit: PercentUnit,
    min: 0,
    max: 1,
    queries: [
      {
        expression: maxBy(["role"], "redisops_sequence_conversations_regressed_ratio", {
          role: "sequence",
        }),
        legend: "behind",
      },
      {
        expression: maxBy(["role"], "redisops_sequence_conversations_sampled"),
        legend: "conversations in the sample",
        drawn: { rightAxisUnit: Short },
      },
    ],
    empty: notCompared,
  },
  {
    id: "sequence-shortfall",
    kind: "timeseries",
    title: "Ids that would repeat",
    meaning:
      "How far the counter furthest behind is below what Postgres has: so many of that conversation’s next ids are taken. A counter that is gone is behind by all of its ids.",
    normal: "0.",
    width: 6,
    height: 8,
    unit: Short,
    min: 0,
    queries: [
      {
        expression: maxBy(["role"], "redisops_sequence_largest_shortfall_ids"),
        legend: "largest shortfall",
      },
    ],
    empty: notCompared,
  },
  {
    id: "sequence-canary",
    kind: "timeseries",
    title: "Counters that only rise",
    meaning:
      "Share of the key space where the exporter’s own counter went on from what it was, and on the right axis how often one was found lower or gone: the server lost writes, as at a failover to a replica that lagged or a restart without the latest data.",
    normal: "100 %, none lost.",
    width: 6,
    height: 8,
    unit: PercentUnit,
    min: 0,
    max: 1,
    queries: [
      {
        expression: `min by (role) (${series("redisops_sequence_canary_ratio")})`,
        legend: "key space that rises",
      },
      {
        expression: `sum by (role) (increase(${series("redisops_sequence_canary_regressions_total")}[$__rate_interval]))`,
        legend: "went back",
        drawn: { rightAxisUnit: Short },
      },
    ],
    empty: "No data: no exporter was scraped, or roles.sequence is not configured.",
  },
];

/** What the applications mended on the spot. */
export const countersHealed: DataPanel = {
  id: "sequence-healed",
  kind: "timeseries",
  title: "Counters that applications found too low",
  meaning:
    "Conversations whose counter stood at or below an id that the process had given already. The client raises it on the spot and the message gets a fresh id; what it cannot see are conversations that another process has numbered. Each one is a write that the store has lost.",
  normal: "0. A burst right after a restart or a failover is what was lost by it.",
  width: 12,
  height: 8,
  unit: CountsPerSecond,
  min: 0,
  queries: [{ expression: rateBy(["role"], "redisops_sequence_regressions_total"), legend: "found too low" }],
  standsFor: ["SequenceRegressed", "SequenceFallback"],
  empty: notReported,
};
