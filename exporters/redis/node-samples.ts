import type { MetricName } from "../../catalog/metrics.ts";
import { type Sample, sample } from "../../core/samples.ts";
import { type InfoFields, keyCounts, kindOf, versionOf } from "./info.ts";
import type { NodeFacts } from "./node-facts.ts";
import type { TopologyNode } from "./topology.ts";

export type NodeLabels = Readonly<Record<"role" | "node", string>>;

/** Metrics that carry no label but the role and the node. */
type NodeMetric = Extract<MetricName, `redisops_redis_${string}`>;
type PlainNodeMetric = Exclude<NodeMetric, "redisops_redis_info" | "redisops_redis_nodes_left_out">;

/** Fields of INFO that are taken as they are; those below 0 stand for “none”. */
const countFields: readonly (readonly [PlainNodeMetric, string])[] = [
  ["redisops_redis_memory_used_bytes", "used_memory"],
  ["redisops_redis_evicted_keys_total", "evicted_keys"],
  ["redisops_redis_expired_keys_total", "expired_keys"],
  ["redisops_redis_clients", "connected_clients"],
  ["redisops_redis_clients_blocked", "blocked_clients"],
  ["redisops_redis_clients_limit", "maxclients"],
  ["redisops_redis_connections_rejected_total", "rejected_connections"],
  ["redisops_redis_commands_total", "total_commands_processed"],
  ["redisops_redis_keyspace_hits_total", "keyspace_hits"],
  ["redisops_redis_keyspace_misses_total", "keyspace_misses"],
  ["redisops_redis_connected_replicas", "connected_slaves"],
  ["redisops_redis_last_save_timestamp_seconds", "rdb_last_save_time"],
];

/** Fields that have one of two values, the first of which counts as 1. */
const eitherFields: readonly (readonly [PlainNodeMetric, string, string, string])[] = [
  ["redisops_redis_loading", "loading", "1", "0"],
  ["redisops_redis_replication_link_up", "master_link_status", "up", "down"],
  ["redisops_redis_last_save_success", "rdb_last_bgsave_status", "ok", "err"],
  ["redisops_redis_aof_enabled", "aof_enabled", "1", "0"],
];

/** When the server was started, by its own clock. */
function startOf(info: InfoFields): number | undefined {
  const uptime = info.count("uptime_in_seconds");
  const microseconds = info.count("server_time_usec");
  if (uptime === undefined) return undefined;
  const now = microseconds === undefined ? Date.now() / 1000 : microseconds / 1_000_000;
  return Math.floor(now) - uptime;
}

function cpuSeconds(info: InfoFields): number | undefined {
  const system = info.count("used_cpu_sys");
  const user = info.count("used_cpu_user");
  return system === undefined || user === undefined ? undefined : system + user;
}

/** What a server’s INFO has of the contract’s metrics. */
function infoSamples(labels: NodeLabels, node: TopologyNode, info: InfoFields): Sample[] {
  const samples: Sample[] = [
    sample(
      "redisops_redis_info",
      { ...labels, shard: node.shard ?? "", kind: kindOf(info) ?? node.kind, version: versionOf(info) },
      1,
    ),
  ];
  const add = (metric: PlainNodeMetric, value: number | boolean | undefined) => {
    if (value !== undefined) samples.push(sample(metric, labels, Number(value)));
  };
  for (const [metric, field] of countFields) add(metric, info.count(field));
  for (const [metric, field, yes, no] of eitherFields) add(metric, info.either(field, yes, no));
  add("redisops_redis_start_timestamp_seconds", startOf(info));
  // 0 is Redis’s word for “no limit”, by which nothing must be divided.
  add("redisops_redis_memory_limit_bytes", info.count("maxmemory") || undefined);
  add("redisops_redis_cpu_seconds_total", cpuSeconds(info));
  if (info.either("aof_enabled", "1", "0") === true) {
    add("redisops_redis_aof_last_write_success", info.either("aof_last_write_status", "ok", "err"));
  }
  const counts = keyCounts(info);
  add("redisops_redis_keys", counts?.keys);
  add("redisops_redis_keys_expiring", counts?.expiring);
  return samples;
}

/** The samples of a server that answered. */
export function nodeSamples(role: string, node: TopologyNode, facts: NodeFacts): Sample[] {
  const labels = { role, node: node.address };
  return [
    sample("redisops_redis_up", labels, facts.refusal === undefined ? 1 : 0),
    ...(facts.refusal === undefined
      ? [sample("redisops_redis_response_seconds", labels, facts.seconds)]
      : []),
    ...(facts.info === undefined ? [] : infoSamples(labels, node, facts.info)),
  ];
}
