import { BytesIEC, OpsPerSecond, PercentUnit, Seconds, Short } from "@grafana/grafana-foundation-sdk/units";
import type { MetricName } from "../../catalog/metrics.ts";
import { colors } from "../colors.ts";
import type { DataPanel } from "../panel.ts";
import { maxBy, series } from "../series.ts";
import { statePanel } from "../state-panel.ts";

const node = ["role", "node"] as const;
const legend = "{{role}} {{node}}";
const size = { width: 8, height: 8 } as const;
const empty = "No data: no Redis server answered INFO, or no exporter was scraped.";
const noReplica = "No data: no role has a replica that answers, or no exporter was scraped.";

const perSecond = (metric: MetricName) => `max by (role, node) (rate(${series(metric)}[$__rate_interval]))`;

const state: readonly DataPanel[] = [
  statePanel(
    {
      id: "node-up",
      title: "Redis servers that answer",
      meaning:
        "Each server of each role, replicas included, by a PING of its own. A replica that is down takes the next failover with it, long before anybody notices. A server that left the topology is gone from here; one that is loading, or a replica that may not answer without its primary, is not up.",
      normal: "every server up, without a gap.",
      ...size,
      queries: [{ expression: `min by (role, node) (${series("redisops_redis_up")})`, legend }],
      empty: "No data: no exporter was scraped, or nobody could tell which servers there are.",
    },
    { zero: "down", one: "up", bad: 0, color: colors.page },
  ),
  {
    id: "node-response",
    kind: "timeseries",
    title: "Response time of each server",
    meaning:
      "Time for PING on an open connection, from the slowest exporter’s view. One server that is slower than its peers points at its machine, a slow command or a fork for a snapshot; all of them at the network.",
    normal: "a few milliseconds within one data centre.",
    ...size,
    unit: Seconds,
    min: 0,
    queries: [{ expression: maxBy(node, "redisops_redis_response_seconds"), legend }],
    empty,
  },
  {
    id: "node-versions",
    kind: "stat",
    title: "Servers by kind and version",
    meaning:
      "How many servers each role has now, by what they say of themselves. Two primaries where one is expected are a split; a mix of versions is an upgrade that was not finished. Servers beyond the 200 that a scrape asks are counted as left out.",
    normal: "the numbers that were planned, all of one version, none left out.",
    ...size,
    unit: Short,
    queries: [
      {
        expression: `count by (role, kind, version) (max by (role, node, kind, version) (${series("redisops_redis_info")}))`,
        legend: "{{role}} {{kind}} {{version}}",
      },
      {
        expression: `${maxBy(["role"], "redisops_redis_nodes_left_out")} > 0`,
        legend: "{{role}} left out",
        present: { elsewhere: "where a role has more than 200 servers" },
      },
    ],
    empty: "No Redis server answers INFO, or no exporter was scraped",
  },
];

const memory: readonly DataPanel[] = [
  {
    id: "node-memory",
    kind: "timeseries",
    title: "Memory of each server",
    meaning:
      "What each server has allocated, and its limit (maxmemory) where it has one. At the limit a cache evicts and every other role refuses writes, or worse, evicts what it must keep. Without a limit the machine’s memory is the limit, and the process is killed there.",
    normal: "well below the limit; a cache may stay at it.",
    ...size,
    unit: BytesIEC,
    min: 0,
    queries: [
      { expression: maxBy(node, "redisops_redis_memory_used_bytes"), legend },
      {
        expression: maxBy(node, "redisops_redis_memory_limit_bytes"),
        legend: `${legend} limit`,
        drawn: "reference",
        present: { elsewhere: "where a server has a maxmemory" },
      },
    ],
    empty,
  },
  {
    id: "node-evictions",
    kind: "timeseries",
    title: "Keys evicted and expired",
    meaning:
      "Keys a second that were evicted at the memory limit, and those whose time to live was over. Evictions anywhere but in a cache are lost data: ids that repeat, duplicates, users who look offline.",
    normal: "no evictions outside the preferences cache; expirations follow the traffic.",
    ...size,
    unit: OpsPerSecond,
    min: 0,
    queries: [
      { expression: perSecond("redisops_redis_evicted_keys_total"), legend: `${legend} evicted` },
      { expression: perSecond("redisops_redis_expired_keys_total"), legend: `${legend} expired` },
    ],
    empty,
  },
  {
    id: "node-hit-ratio",
    kind: "timeseries",
    title: "Hit ratio",
    meaning:
      "Share of reads that found their key, by the server’s own count, all its clients together. A fall in the preferences cache is load that Postgres gets; a fall in the registry is users who look offline.",
    normal: "steady for its role; low after a restart until the keys are back.",
    ...size,
    unit: PercentUnit,
    min: 0,
    max: 1,
    queries: [
      {
        expression: `${perSecond("redisops_redis_keyspace_hits_total")} / (${perSecond("redisops_redis_keyspace_hits_total")} + ${perSecond("redisops_redis_keyspace_misses_total")} > 0)`,
        legend,
      },
    ],
    empty: "No data: nothing is read, no server answered, or no exporter was scraped.",
  },
];

const load: readonly DataPanel[] = [
  {
    id: "node-commands",
    kind: "timeseries",
    title: "Commands",
    meaning:
      "Commands a second that each server has processed. One shard far above the others holds a hot key; a sudden fall to the exporter’s own few is a server that its clients have left.",
    normal: "following the traffic, spread evenly over the shards of a cluster.",
    ...size,
    unit: OpsPerSecond,
    min: 0,
    queries: [{ expression: perSecond("redisops_redis_commands_total"), legend }],
    empty,
  },
  {
    id: "node-cpu",
    kind: "timeseries",
    title: "CPU",
    meaning:
      "CPU time of the server’s process, as a share of one core. Commands run on one thread: near 100 % every client waits, whatever the machine has left. Above 100 % it is saving or freeing memory beside that.",
    normal: "below 70 % at the peak.",
    ...size,
    unit: PercentUnit,
    min: 0,
    queries: [{ expression: perSecond("redisops_redis_cpu_seconds_total"), legend }],
    empty,
  },
  {
    id: "node-clients",
    kind: "timeseries",
    title: "Clients",
    meaning:
      "Connections, those that wait in a blocking command, and the limit (maxclients). At the right, connections a second that were rejected at the limit: those clients see the server as down while it is up.",
    normal: "far below the limit, none rejected.",
    ...size,
    unit: Short,
    min: 0,
    queries: [
      { expression: maxBy(node, "redisops_redis_clients"), legend },
      { expression: maxBy(node, "redisops_redis_clients_blocked"), legend: `${legend} blocked` },
      {
        expression: maxBy(node, "redisops_redis_clients_limit"),
        legend: `${legend} limit`,
        drawn: "reference",
      },
      {
        expression: perSecond("redisops_redis_connections_rejected_total"),
        legend: `${legend} rejected`,
        drawn: { rightAxisUnit: OpsPerSecond },
      },
    ],
    empty,
  },
];

const kept: readonly DataPanel[] = [
  {
    id: "node-keys",
    kind: "timeseries",
    title: "Keys",
    meaning:
      "Keys of each server, and those with a time to live. A fall to zero is data that was lost; keys without a time to live that grow without end are a leak, or counters that lock users out for good.",
    normal: "steady over the day. In rate limiting nearly every key has a time to live.",
    ...size,
    unit: Short,
    min: 0,
    queries: [
      { expression: maxBy(node, "redisops_redis_keys"), legend },
      { expression: maxBy(node, "redisops_redis_keys_expiring"), legend: `${legend} expiring` },
    ],
    empty,
  },
  {
    id: "node-uptime",
    kind: "timeseries",
    title: "Time since start and since the last snapshot",
    meaning:
      "A line that falls to zero is a restart; with what is known of its persistence it says what was lost. The age of the snapshot is what a crash of a server without an AOF would lose.",
    normal: "rising lines; snapshots as often as they are configured.",
    ...size,
    unit: Seconds,
    min: 0,
    queries: [
      {
        expression: `time() - ${maxBy(node, "redisops_redis_start_timestamp_seconds")}`,
        legend: `${legend} started`,
      },
      {
        expression: `time() - ${maxBy(node, "redisops_redis_last_save_timestamp_seconds")}`,
        legend: `${legend} saved`,
      },
    ],
    empty,
  },
  statePanel(
    {
      id: "node-persistence",
      title: "Loading and persistence",
      meaning:
        "Rows for servers that are loading and that log every write, and for each server whether its latest snapshot or write to the AOF failed. A failed snapshot or AOF write is a full or broken disk: the server refuses writes soon or already.",
      normal: "“no” in the rows “cannot save” and “cannot log”; nothing is loading.",
      ...size,
      queries: [
        {
          expression: `${maxBy(node, "redisops_redis_loading")} > 0`,
          legend: `${legend} is loading`,
          present: { after: "a server restarted with a data set that takes a while to read" },
        },
        {
          expression: `2 * (1 - min by (role, node) (${series("redisops_redis_last_save_success")}))`,
          legend: `${legend} cannot save`,
        },
        {
          expression: `2 * (1 - min by (role, node) (${series("redisops_redis_aof_last_write_success")}))`,
          legend: `${legend} cannot log`,
        },
        {
          expression: `${maxBy(node, "redisops_redis_aof_enabled")} > 0`,
          legend: `${legend} logs every write`,
        },
      ],
      empty: "No data: no server answered INFO, or no exporter was scraped.",
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

const replication: readonly DataPanel[] = [
  statePanel(
    {
      id: "node-replication-link",
      title: "Replicas that follow their primary",
      meaning:
        "A replica without its link falls further behind with each write and cannot take over without losing them. Right after a failover or a restart the link is down while data is copied.",
      normal: "every replica linked.",
      ...size,
      queries: [
        { expression: `min by (role, node) (${series("redisops_redis_replication_link_up")})`, legend },
      ],
      empty: noReplica,
    },
    { zero: "broken", one: "linked", bad: 0, color: colors.ticket },
  ),
  {
    id: "node-replication-bytes",
    kind: "timeseries",
    title: "Bytes that replicas are behind",
    meaning:
      "What of the primary’s writes a replica does not have yet. This much is lost when the primary dies now; beyond the backlog (repl-backlog-size) a reconnect copies everything anew.",
    normal: "near 0, with peaks under bulk writes.",
    ...size,
    unit: BytesIEC,
    min: 0,
    queries: [{ expression: maxBy(node, "redisops_redis_replication_lag_bytes"), legend, needs: "replicas" }],
    empty: noReplica,
  },
  {
    id: "node-replication-seconds",
    kind: "timeseries",
    title: "Time since replicas were heard of",
    meaning:
      "Since a replica last acknowledged what it has, or since its link broke. A line that climbs by one second per second is a replica that hangs or is cut off; the panel at the left says how much it lacks.",
    normal: "0 or 1 second.",
    ...size,
    unit: Seconds,
    min: 0,
    queries: [{ expression: maxBy(node, "redisops_redis_replication_lag_seconds"), legend }],
    empty: noReplica,
  },
];

/** Every Redis server by itself. */
export const nodePanels = {
  /** Whether it answers, and what it is. */
  state,
  memory,
  load,
  /** What it keeps, and how safely. */
  kept,
  replication,
} as const;
