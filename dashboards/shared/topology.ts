import { NoUnit, PercentUnit, Seconds, Short } from "@grafana/grafana-foundation-sdk/units";
import { colors } from "../colors.ts";
import type { DataPanel } from "../panel.ts";
import { maxBy, minBy, series } from "../series.ts";
import { statePanel } from "../state-panel.ts";

const shard = ["role", "shard"] as const;
const node = ["role", "node"] as const;
const ofShard = "{{role}} shard {{shard}}";
const ofNode = "{{role}} {{node}}";
const size = { width: 8, height: 8 } as const;
const noShard = "No data: nobody could tell which shards there are, or no exporter was scraped.";
const noCluster = "No data: no role is a Redis Cluster, or no exporter was scraped.";
const noSentinel = "No data: no role has Sentinels, or no exporter was scraped.";

const failedInRange = `max by (role, shard, error_class) (max_over_time(${series("redisops_shard_failure")}[$__range] @ end())) > 0`;

const shards: readonly DataPanel[] = [
  statePanel(
    {
      id: "shard-up",
      title: "Shards that accept writes",
      meaning:
        "Each shard by a write to its primary. A role that is no cluster has one shard. One shard that is down leaves the role up: only its share of the users, conversations or accounts is without.",
      normal: "every shard up; a failover of seconds leaves a short gap.",
      ...size,
      queries: [{ expression: minBy(shard, "redisops_shard_up"), legend: ofShard }],
      empty: noShard,
    },
    { zero: "down", one: "up", bad: 0, color: colors.page },
  ),
  {
    id: "shard-failures",
    kind: "state-timeline",
    title: "How shards failed",
    meaning:
      "One row for each way in which a shard’s primary failed during the time range. Refused: the process is not running. Timeout: it hangs. Readonly: the exporter was sent to a replica, a failover is under way. Cluster down: nobody serves its slots.",
    normal: "no rows.",
    ...size,
    unit: NoUnit,
    queries: [
      {
        expression: `${maxBy([...shard, "error_class"], "redisops_shard_failure")} and on (role, shard, error_class) (${failedInRange})`,
        legend: `${ofShard}: {{error_class}}`,
        present: { after: "a shard failed in the way that the row names, within the time range" },
      },
    ],
    states: [
      { value: 0, text: "not failing so", color: colors.healthy },
      { value: 1, text: "failing", color: colors.page },
    ],
    thresholds: [
      { from: undefined, color: colors.healthy },
      { from: 1, color: colors.page },
    ],
    empty: "No shard failed (or no exporter was scraped, which “Shards that accept writes” shows).",
  },
  {
    id: "shard-response",
    kind: "timeseries",
    title: "Response time of shards",
    meaning:
      "Time for one write to each shard’s primary, from the slowest exporter’s view. One shard above the others holds a hot key, or runs on a machine in trouble.",
    normal: "a few milliseconds, the same for all shards of a role.",
    ...size,
    unit: Seconds,
    min: 0,
    queries: [{ expression: maxBy(shard, "redisops_shard_response_seconds"), legend: ofShard }],
    empty: noShard,
  },
];

const keySpace: readonly DataPanel[] = [
  {
    id: "key-space-available",
    kind: "timeseries",
    title: "Key space that accepts writes",
    meaning:
      "Share of each role’s users, conversations or accounts whose shard accepts writes; and, where slots belong to no shard at all, the share of those. The rest is on the role’s fallback.",
    normal: "100 % and no line for slots without a shard.",
    ...size,
    unit: PercentUnit,
    min: 0,
    max: 1,
    queries: [
      { expression: minBy(["role"], "redisops_role_key_space_available_ratio"), legend: "{{role}}" },
      {
        expression: `${maxBy(["role"], "redisops_cluster_uncovered_ratio")} > 0`,
        legend: "{{role}} without a shard",
        present: { elsewhere: "where slots belong to no shard; a dead one keeps its own" },
        needs: "cluster",
      },
    ],
    empty: "No data: no exporter was scraped, or redisops.yaml names no role.",
  },
  {
    id: "shard-key-space",
    kind: "timeseries",
    title: "Key space of each shard",
    meaning:
      "What each shard takes along when it is lost. It changes while slots are moved; a shard far above the others makes its loss, and its load, larger than need be.",
    normal: "equal shares, constant.",
    ...size,
    unit: PercentUnit,
    min: 0,
    max: 1,
    queries: [{ expression: maxBy(shard, "redisops_shard_key_space_ratio"), legend: ofShard }],
    empty: noShard,
  },
  {
    id: "shard-replicas",
    kind: "timeseries",
    title: "Replicas that can take over",
    meaning:
      "Replicas of each shard that follow their primary now, beside how many there should be (dashed), how many the topology knows and how many are connected to each server. Where the line is below the dashed one, the next loss of that primary is an outage, whatever the other shards have.",
    normal: "as many as expected in every shard.",
    ...size,
    unit: Short,
    min: 0,
    queries: [
      { expression: minBy(shard, "redisops_shard_replicas_in_sync"), legend: `${ofShard} in sync` },
      {
        expression: maxBy(shard, "redisops_shard_replicas_expected"),
        legend: `${ofShard} expected`,
        needs: "replicas",
        drawn: "reference",
      },
      { expression: maxBy(shard, "redisops_shard_replicas_known"), legend: `${ofShard} known` },
      {
        expression: `${maxBy(node, "redisops_redis_connected_replicas")} > 0`,
        legend: `${ofNode} connected`,
        needs: "replicas",
      },
    ],
    empty: "No data: no server answered, or no exporter was scraped.",
  },
];

const cluster: readonly DataPanel[] = [
  {
    id: "cluster-slots",
    kind: "timeseries",
    title: "Slots of clusters",
    meaning:
      "Of 16384 slots: assigned to a shard, ok, and those whose primary is suspected (pfail) or agreed (fail) to be down, as the primary with the worst view sees them. Suspected ones turn ok again or into failed ones within cluster-node-timeout.",
    normal: "16384 assigned and ok, none pfail or fail.",
    ...size,
    unit: Short,
    min: 0,
    queries: [
      { expression: maxBy(["role", "state"], "redisops_cluster_slots"), legend: "{{role}} {{state}}" },
    ],
    empty: noCluster,
  },
  {
    id: "cluster-agreement",
    kind: "timeseries",
    title: "Do the cluster’s nodes agree?",
    meaning:
      "Different opinions about who serves which slots, how many nodes there are, and a line that is at 1 while a primary refuses commands because the cluster is down to it. More than one opinion for longer than a few seconds is a partition or a slot move that was left half done: clients are sent in circles.",
    normal: "one opinion, a constant number of nodes, “refuses” at 0.",
    ...size,
    unit: Short,
    min: 0,
    queries: [
      { expression: maxBy(["role"], "redisops_cluster_views"), legend: "{{role}} opinions" },
      { expression: maxBy(["role"], "redisops_cluster_known_nodes"), legend: "{{role}} nodes" },
      {
        expression: `1 - ${minBy(["role"], "redisops_cluster_state_ok")}`,
        legend: "{{role}} refuses",
      },
    ],
    empty: noCluster,
  },
  {
    id: "failovers",
    kind: "timeseries",
    title: "Failovers",
    meaning:
      "How often each shard got another primary during the time range, by its epoch; at the right the clusters’ own epochs, which also rise with votes that came to nothing. After a failover look for writes that were lost: sequence counters, the filter.",
    normal: "no steps.",
    ...size,
    unit: Short,
    min: 0,
    queries: [
      {
        expression: `max by (role, shard) (changes(${series("redisops_shard_config_epoch")}[$__range] @ end()))`,
        legend: ofShard,
      },
      {
        expression: maxBy(["role"], "redisops_cluster_current_epoch"),
        legend: "{{role}} epoch",
        drawn: { rightAxisUnit: Short },
      },
      {
        expression: maxBy(["role"], "redisops_sentinel_config_epoch"),
        legend: "{{role}} Sentinels’ epoch",
        drawn: { rightAxisUnit: Short },
      },
    ],
    empty: "No data: no role is a cluster or has Sentinels, or no exporter was scraped.",
  },
];

const sentinels: readonly DataPanel[] = [
  statePanel(
    {
      id: "failover-possible",
      title: "Is a failover possible?",
      meaning:
        "Whether enough Sentinels reach one another and there is a replica that they could promote. While it is not, nothing happens when the primary is lost, although everything works now.",
      normal: "possible for every role with Sentinels.",
      ...size,
      queries: [{ expression: minBy(["role"], "redisops_sentinel_failover_possible"), legend: "{{role}}" }],
      empty: noSentinel,
    },
    { zero: "impossible", one: "possible", bad: 0, color: colors.ticket },
  ),
  {
    id: "sentinel-counts",
    kind: "timeseries",
    title: "Sentinels and replicas to promote",
    meaning:
      "Sentinels that answer, how many a failover takes (dashed), the quorum, how many others each knows, and replicas that could be promoted. A Sentinel that knows fewer others than exist was cut off or still lists dead ones (SENTINEL RESET).",
    normal: "all answer, more than needed; one replica or more.",
    ...size,
    unit: Short,
    min: 0,
    queries: [
      { expression: minBy(["role"], "redisops_sentinels_reachable"), legend: "{{role}} answer" },
      {
        expression: maxBy(["role"], "redisops_sentinels_needed"),
        legend: "{{role}} needed",
        drawn: "reference",
      },
      { expression: minBy(["role"], "redisops_sentinel_promotable_replicas"), legend: "{{role}} replicas" },
      { expression: maxBy(["role"], "redisops_sentinel_quorum"), legend: "{{role}} quorum" },
      { expression: maxBy(node, "redisops_sentinel_known_others"), legend: `${ofNode} knows` },
    ],
    empty: noSentinel,
  },
  statePanel(
    {
      id: "sentinel-views",
      title: "What Sentinels see",
      meaning:
        "Rows for each Sentinel that is up, and for those that see the primary down by themselves, that know a quorum to see it down, that do nothing for half a minute because they stood still (TILT), or that name another primary than the one with the latest failover. One that names another sends its clients to an old primary, whose writes will be lost.",
      normal: "every Sentinel answers, none names another, no other rows.",
      ...size,
      queries: [
        { expression: `${minBy(node, "redisops_sentinel_up")} > 0`, legend: `${ofNode} answers` },
        {
          expression: `${maxBy(node, "redisops_sentinel_primary_subjectively_down")} > 0`,
          legend: `${ofNode} sees it down`,
          present: { after: "the primary stopped answering a Sentinel" },
        },
        {
          expression: `2 * ${maxBy(node, "redisops_sentinel_primary_objectively_down")} > 0`,
          legend: `${ofNode}: quorum sees it down`,
          present: { after: "the primary stopped answering a quorum of Sentinels" },
        },
        {
          expression: `${maxBy(node, "redisops_sentinel_tilt")} > 0`,
          legend: `${ofNode} in TILT`,
          present: { after: "a Sentinel’s clock jumped or its process stood still" },
        },
        {
          expression: `2 * (1 - ${minBy(node, "redisops_sentinel_primary_agreed")})`,
          legend: `${ofNode} names another`,
        },
      ],
      empty: "No Sentinel answers, no role has Sentinels, or no exporter was scraped.",
    },
    {
      zero: "no",
      one: "yes",
      bad: 1,
      color: colors.reference,
      two: { text: "yes", color: colors.ticket },
    },
  ),
];

/** How the servers of each role stand together. */
export const topologyPanels = {
  /** Whether each shard takes writes, and how large it is. */
  shards: [...shards, ...keySpace],
  /** What only a Redis Cluster has, and failovers. */
  cluster,
  sentinels,
} as const;
