import type { MetricDefinition } from "../metric-definition.ts";

/** A measurement of one server. */
function ofNode<Type extends "gauge" | "counter">(type: Type, help: string) {
  return { type, emitter: "exporter", help, labels: ["role", "node"] } as const;
}

/** What each Redis server says of itself. */
export const redisNodeMetrics = {
  redisops_redis_up: ofNode(
    "gauge",
    "1 when the server, primary or replica, answered PING before the deadline, else 0; a server that is loading, or a replica that may not answer without its primary, is not up.",
  ),
  redisops_redis_response_seconds: ofNode(
    "gauge",
    "Time that the server took for PING in this scrape, connection already open.",
  ),
  redisops_redis_info: {
    type: "gauge",
    emitter: "exporter",
    help: "Always 1; the labels say what the server is: its shard, primary or replica by its own word, its version.",
    labels: ["role", "node", "shard", "kind", "version"],
  },
  redisops_redis_start_timestamp_seconds: ofNode(
    "gauge",
    "When the server was started, in seconds since 1970, to within a second.",
  ),
  redisops_redis_loading: ofNode(
    "gauge",
    "1 while the server reads its data set and serves nothing yet, else 0.",
  ),
  redisops_redis_memory_used_bytes: ofNode("gauge", "Memory that the server has allocated."),
  redisops_redis_memory_limit_bytes: ofNode(
    "gauge",
    "The server’s maxmemory: beyond it keys are evicted or writes refused. Absent where there is no limit.",
  ),
  redisops_redis_evicted_keys_total: ofNode("counter", "Keys that were evicted at the memory limit."),
  redisops_redis_expired_keys_total: ofNode("counter", "Keys whose time to live was over."),
  redisops_redis_clients: ofNode("gauge", "Connections of clients, the exporter’s own included."),
  redisops_redis_clients_blocked: ofNode("gauge", "Clients that wait in a blocking command."),
  redisops_redis_clients_limit: ofNode("gauge", "The server’s maxclients: further connections are rejected."),
  redisops_redis_connections_rejected_total: ofNode(
    "counter",
    "Connections that were rejected because of maxclients.",
  ),
  redisops_redis_commands_total: ofNode("counter", "Commands that the server has processed."),
  redisops_redis_cpu_seconds_total: ofNode(
    "counter",
    "CPU time of the server’s process, user and system. Commands run on one thread, which is full at 1 per second.",
  ),
  redisops_redis_keyspace_hits_total: ofNode("counter", "Reads of keys that existed."),
  redisops_redis_keyspace_misses_total: ofNode("counter", "Reads of keys that did not exist."),
  redisops_redis_keys: ofNode("gauge", "Keys in all databases."),
  redisops_redis_keys_expiring: ofNode("gauge", "Keys in all databases that have a time to live."),
  redisops_redis_connected_replicas: ofNode("gauge", "Replicas that are connected to the server."),
  redisops_redis_replication_link_up: ofNode(
    "gauge",
    "Of a replica: 1 when it is connected to its primary and has its data, else 0.",
  ),
  redisops_redis_replication_lag_bytes: ofNode(
    "gauge",
    "Of a replica: how far it is behind its primary’s replication offset as read in the same scrape. Absent where the two do not share a history, or the offset is unknown.",
  ),
  redisops_redis_replication_lag_seconds: ofNode(
    "gauge",
    "Of a replica: time since it last acknowledged what it has, by the primary’s word; else since it heard from its primary, or since the link broke.",
  ),
  redisops_redis_last_save_timestamp_seconds: ofNode(
    "gauge",
    "Last snapshot (RDB) that succeeded, in seconds since 1970; the start of the server where there was none.",
  ),
  redisops_redis_last_save_success: ofNode(
    "gauge",
    "1 when the latest snapshot (RDB) succeeded or none was tried, else 0; with stop-writes-on-bgsave-error the server then refuses writes.",
  ),
  redisops_redis_aof_enabled: ofNode("gauge", "1 when the server logs every write (AOF), else 0."),
  redisops_redis_aof_last_write_success: ofNode(
    "gauge",
    "1 when the latest write to the AOF succeeded, else 0: the server then refuses writes.",
  ),
  redisops_redis_nodes_left_out: {
    type: "gauge",
    emitter: "exporter",
    help: "Servers of the role that were not asked because there are more than 200; primaries are asked first.",
    labels: ["role"],
  },
} as const satisfies Record<string, MetricDefinition>;
