import {
  BytesIEC,
  CountsPerSecond,
  NoUnit,
  PercentUnit,
  Seconds,
  Short,
} from "@grafana/grafana-foundation-sdk/units";
import { BloomCold } from "../../catalog/modes/BloomCold.ts";
import { BloomSaturated } from "../../catalog/modes/BloomSaturated.ts";
import type { ThresholdOverrides } from "../../core/config/thresholds-section.ts";
import { colors } from "../colors.ts";
import { drawSignal, percent } from "../drawn-signal.ts";
import type { DataPanel } from "../panel.ts";
import { maxBy, rateBy, series } from "../series.ts";
import { notReported } from "../shared/not-reported.ts";

const notRead = "No data: the filter’s server did not answer, or roles.dedup is not configured.";

/** Whether the filter can be used at all. */
export const filterReadable: DataPanel = {
  id: "bloom-readable",
  kind: "state-timeline",
  title: "Filter that can be used",
  meaning:
    "Whether the filter’s own commands answered. A server can be up without a usable filter: the module is missing, the key holds something else, or the ACL forbids the commands. Then every notification is sent unchecked.",
  normal: "usable, without a gap.",
  width: 24,
  height: 4,
  unit: NoUnit,
  queries: [{ expression: maxBy(["role"], "redisops_bloom_readable"), legend: "{{role}}" }],
  states: [
    { value: 0, text: "unusable", color: colors.page },
    { value: 1, text: "usable", color: colors.healthy },
  ],
  thresholds: [
    { from: undefined, color: colors.page },
    { from: 1, color: colors.healthy },
  ],
  empty: "No data: no exporter was scraped, or roles.dedup is not configured.",
};

/** Whether it knows what was sent, and takes new for old. */
export function filterJudgedPanels(thresholds: ThresholdOverrides): DataPanel[] {
  const cold = drawSignal(BloomCold, thresholds);
  const saturated = drawSignal(BloomSaturated, thresholds);
  return [
    {
      id: "bloom-canaries",
      kind: "timeseries",
      title: "Known-sent ids that the filter does not know",
      meaning: `A sample of ids that Postgres has as sent is looked up in the filter. Absent ones would be sent again. The alert fires above ${percent(cold.limit)} of a sample of more than ${cold.guardLimit ?? 0} ids; the size of the sample is drawn on the right axis.`,
      normal: "0 absent; after an outage of the filter the share of the window that was sent meanwhile.",
      width: 12,
      height: 8,
      unit: PercentUnit,
      min: 0,
      max: 1,
      thresholds: cold.steps,
      queries: [
        { expression: cold.expression, legend: "absent" },
        {
          expression: maxBy(["role"], "redisops_bloom_canary_ids"),
          legend: "ids in the sample",
          drawn: { rightAxisUnit: Short },
        },
      ],
      empty: "No data: the filter or Postgres did not answer, or nothing was sent yet.",
    },
    {
      id: "bloom-false-positives",
      kind: "timeseries",
      title: "False positives, as a multiple of the target",
      meaning: `How many times more new notifications are taken for duplicates, and dropped, than the filter was sized for. The alert fires above ${saturated.limit} times. The right axis has the share that is dropped, estimated from the bits set and measured with 100 ids at each scrape that were never sent; the two apart mean that somebody writes with another layout.`,
      normal: "below 1.",
      width: 12,
      height: 8,
      unit: NoUnit,
      decimals: 2,
      min: 0,
      thresholds: saturated.steps,
      queries: [
        { expression: saturated.expression, legend: "times the target" },
        {
          expression: maxBy(["role"], "redisops_bloom_false_positive_ratio"),
          legend: "share dropped",
          drawn: { rightAxisUnit: PercentUnit },
        },
        {
          expression: `max by (role) (avg_over_time(${series("redisops_bloom_measured_false_positive_ratio")}[30m]))`,
          legend: "measured, over 30 minutes",
          drawn: { rightAxisUnit: PercentUnit },
        },
      ],
      empty: notRead,
    },
  ];
}

/** Whether it has the right size. */
export const filterShapePanels: readonly DataPanel[] = [
  {
    id: "bloom-fill",
    kind: "timeseries",
    title: "Bits set",
    meaning:
      "Share of the filter’s bits that are set, which decides the false positives. Filters above 1 MiB are sampled; the standard error says how far the estimate may be off. A fall to 0 is a filter that was emptied.",
    normal: "grows to about a half when the filter holds as many ids as it was sized for.",
    width: 8,
    height: 8,
    unit: PercentUnit,
    min: 0,
    max: 1,
    queries: [
      { expression: maxBy(["role"], "redisops_bloom_fill_ratio"), legend: "set" },
      {
        expression: maxBy(["role"], "redisops_bloom_fill_standard_error_ratio"),
        legend: "standard error",
        drawn: "reference",
      },
    ],
    empty: notRead,
  },
  {
    id: "bloom-ids",
    kind: "timeseries",
    title: "Ids against capacity",
    meaning:
      "Ids that the filter holds, counted by the engine or computed from the bits set, and the number it is sized for. Above the dashed line it drops more real notifications than intended.",
    normal: "below the dashed line with room for a peak; a rebuild brings it back to the ids of one window.",
    width: 8,
    height: 8,
    unit: Short,
    min: 0,
    queries: [
      { expression: maxBy(["role"], "redisops_bloom_estimated_ids"), legend: "ids" },
      { expression: maxBy(["role"], "redisops_bloom_capacity_ids"), legend: "capacity", drawn: "reference" },
    ],
    empty: notRead,
  },
  {
    id: "bloom-size",
    kind: "timeseries",
    title: "Size of the filter",
    meaning:
      "Memory of the filter’s bits. 0 means that the key does not exist: the filter was lost, or nothing was sent since it was. While it is rebuilt, the server holds a second one of this size.",
    normal: "constant; it changes only when roles.dedup.filter is changed and the filter rebuilt.",
    width: 8,
    height: 8,
    unit: BytesIEC,
    min: 0,
    queries: [{ expression: maxBy(["role"], "redisops_bloom_size_bytes"), legend: "size" }],
    empty: notRead,
  },
];

const byNode = ["role", "node"] as const;
const noReplica =
  "No data: the filter has no replica, or none that the Sentinels see up, or roles.dedup is not configured.";

/** What a failover would find. */
export const filterReplicaPanels: readonly DataPanel[] = [
  {
    id: "bloom-replica-canaries",
    kind: "timeseries",
    title: "Known-sent ids that the replicas do not know",
    meaning:
      "The same ids looked up in each replica’s copy: what would be sent again if that replica were promoted now. A replica at 100 % is cold: do not fail over to it; let it synchronise first.",
    normal: "0, like the primary; a short peak while a replica synchronises.",
    width: 12,
    height: 8,
    unit: PercentUnit,
    min: 0,
    max: 1,
    queries: [
      { expression: maxBy(byNode, "redisops_bloom_replica_canary_absent_ratio"), legend: "{{node}} absent" },
      {
        expression: `1 - min by (role, node) (${series("redisops_bloom_replica_readable")})`,
        legend: "{{node}} does not answer",
        drawn: "reference",
      },
    ],
    empty: noReplica,
  },
  {
    id: "bloom-replica-fill",
    kind: "timeseries",
    title: "Bits set, by replica",
    meaning:
      "Share of the bits that are set in each replica’s copy beside the primary’s (dashed). A copy below it has not received all that the primary knows.",
    normal: "on the dashed line.",
    width: 6,
    height: 8,
    unit: PercentUnit,
    min: 0,
    max: 1,
    queries: [
      { expression: maxBy(byNode, "redisops_bloom_replica_fill_ratio"), legend: "{{node}}" },
      { expression: maxBy(["role"], "redisops_bloom_fill_ratio"), legend: "primary", drawn: "reference" },
    ],
    empty: noReplica,
  },
  {
    id: "bloom-age",
    kind: "timeseries",
    title: "Age of the filter",
    meaning:
      "Time since the filter was created, or replaced by one of another shape. A line that starts again at 0 without anybody’s doing is a filter that was lost: it knows only what was sent since.",
    normal: "climbs; starts again when the filter is replaced on purpose.",
    width: 6,
    height: 8,
    unit: Seconds,
    min: 0,
    queries: [
      {
        expression: `time() - ${maxBy(["role"], "redisops_bloom_created_timestamp_seconds")}`,
        legend: "age",
      },
    ],
    empty:
      "No data: RedisBloom does not say when it was created, nor does a filter that an older version created; or the filter did not answer.",
  },
];

/** The filter at work. */
export const duplicatesSuppressed: DataPanel = {
  id: "duplicates-suppressed",
  kind: "timeseries",
  title: "Duplicates that the filter held back",
  meaning:
    "Notifications that were not sent because the filter knew their id, a second and as a share of those that were looked up (right axis). It ends while the filter is away or has forgotten: what it held back arrives twice then. A share that climbs without redeliveries is a filter that takes new ones for old.",
  normal: "in proportion to the redeliveries of the queue, a few in a hundred.",
  width: 12,
  height: 8,
  unit: CountsPerSecond,
  min: 0,
  queries: [
    {
      expression: rateBy(["role"], "redisops_duplicates_suppressed_total", { role: "dedup" }),
      legend: "held back",
    },
    {
      expression: `${rateBy(["role"], "redisops_duplicates_suppressed_total", { role: "dedup" })} / ${rateBy(["role"], "redisops_decisions_total", { role: "dedup" })}`,
      legend: "share of all",
      drawn: { rightAxisUnit: PercentUnit },
    },
  ],
  standsFor: ["DedupSkipped", "BloomCold", "BloomSaturated"],
  empty: notReported,
};
