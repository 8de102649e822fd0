import type { MetricDefinition } from "../metric-definition.ts";

/** A gauge of how the servers of a role stand together. */
function gauge<const Labels extends MetricDefinition["labels"]>(labels: Labels, help: string) {
  return { type: "gauge", emitter: "exporter", help, labels } as const;
}

/** How the servers of a role stand together: shards, replicas, Sentinels, the role’s contract. */
export const topologyMetrics = {
  redisops_shard_up: {
    type: "gauge",
    emitter: "exporter",
    help: "1 when the shard’s primary accepted a write in this scrape, else 0. A role that is no cluster has the one shard 0.",
    labels: ["role", "shard"],
  },
  redisops_shard_failure: {
    type: "gauge",
    emitter: "exporter",
    help: "1 for the way in which the shard’s primary failed to accept a write in this scrape, 0 for the others.",
    labels: ["role", "shard", "error_class"],
  },
  redisops_shard_response_seconds: {
    type: "gauge",
    emitter: "exporter",
    help: "Time that the shard’s primary took for one write in this scrape, connection already open.",
    labels: ["role", "shard"],
  },
  redisops_shard_key_space_ratio: {
    type: "gauge",
    emitter: "exporter",
    help: "Share of the role’s key space that the shard serves, and takes along when it is down.",
    labels: ["role", "shard"],
  },
  redisops_shard_config_epoch: gauge(
    ["role", "shard"],
    "Number of the shard’s latest failover, by cluster or Sentinels: it rises when another server becomes the primary. Absent where the role is one server.",
  ),
  redisops_shard_replicas_in_sync: gauge(
    ["role", "shard"],
    "Replicas that answer, follow the shard’s primary and, by its word, have acknowledged within 10 s: these can take over.",
  ),
  redisops_shard_replicas_known: gauge(
    ["role", "shard"],
    "Replicas that the topology lists for the shard, dead ones included; of a standalone server those connected to it.",
  ),
  redisops_shard_replicas_expected: gauge(
    ["role", "shard"],
    "Replicas that the shard should have: those declared in the role’s contract, else 1 behind Sentinels and in a cluster as many as most shards have. Absent for a standalone server without a declaration.",
  ),
  redisops_cluster_state_ok: gauge(
    ["role"],
    "1 when every primary that answered says cluster_state:ok, else 0: one of them refuses commands.",
  ),
  redisops_cluster_slots: gauge(
    ["role", "state"],
    "Hash slots of the cluster’s 16384, by state, as the primary with the worst view sees them.",
  ),
  redisops_cluster_known_nodes: gauge(
    ["role"],
    "Nodes in the cluster, dead ones included, as the primary that knows most of them sees it.",
  ),
  redisops_cluster_current_epoch: gauge(
    ["role"],
    "The cluster’s highest epoch: it rises with each vote on a new primary.",
  ),
  redisops_cluster_views: gauge(
    ["role"],
    "Different opinions of the nodes about who serves which slots: 1 when they agree, for a moment more after each change.",
  ),
  redisops_cluster_uncovered_ratio: gauge(
    ["role"],
    "Share of the key space that belongs to no shard at all.",
  ),
  redisops_sentinel_up: gauge(
    ["role", "node"],
    "1 when the Sentinel told what it knows of the role’s primary before the deadline, else 0.",
  ),
  redisops_sentinel_quorum: gauge(
    ["role", "node"],
    "How many Sentinels must see the primary down before a failover begins, as this one is configured.",
  ),
  redisops_sentinel_known_others: gauge(["role", "node"], "Other Sentinels that this one knows."),
  redisops_sentinel_config_epoch: gauge(
    ["role", "node"],
    "Number of the latest failover that this Sentinel knows of.",
  ),
  redisops_sentinel_primary_subjectively_down: gauge(
    ["role", "node"],
    "1 when this Sentinel sees the primary down, else 0.",
  ),
  redisops_sentinel_primary_objectively_down: gauge(
    ["role", "node"],
    "1 when this Sentinel knows that a quorum sees the primary down, else 0.",
  ),
  redisops_sentinel_tilt: gauge(
    ["role", "node"],
    "1 while this Sentinel does nothing because its clock jumped or it stood still (TILT, 30 s), else 0.",
  ),
  redisops_sentinel_primary_agreed: gauge(
    ["role", "node"],
    "1 when this Sentinel names the same primary as the one with the latest failover, else 0: it sends its clients elsewhere.",
  ),
  redisops_sentinels_reachable: gauge(["role"], "Sentinels of redisops.yaml that answered."),
  redisops_sentinels_needed: gauge(
    ["role"],
    "Sentinels that a failover takes: the quorum, and the majority of all that are known.",
  ),
  redisops_sentinel_promotable_replicas: gauge(
    ["role"],
    "Replicas that the Sentinels could make the primary now: up, linked recently enough, priority not 0; by the word of the Sentinel that sees fewest.",
  ),
  redisops_sentinel_failover_possible: gauge(
    ["role"],
    "1 when enough Sentinels reach one another for a failover and there is a replica to promote, else 0: the next loss of the primary stays.",
  ),
  redisops_role_contract_violated: gauge(
    ["role", "rule"],
    "1 when any of the role’s servers is set up against the role’s contract, else 0. Absent for what is not judged or cannot be known.",
  ),
} as const satisfies Record<string, MetricDefinition>;
