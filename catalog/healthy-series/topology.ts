import { errorClasses } from "../error-class.ts";
import type { ContractRule } from "../role-contract.ts";
import { type RedisRole, redisRoles } from "../roles.ts";
import type { HealthySeries } from "./healthy-series.ts";

/** The servers of one shard; without an epoch where nobody could promote another one. */
interface HealthyShard {
  readonly primary: string;
  readonly replica?: string;
  readonly epoch?: number;
}

const shardNumbers = [0, 1, 2, 3, 4, 5] as const;

/** Six shards with a replica each. */
const cluster: readonly HealthyShard[] = shardNumbers.map((shard) => ({
  primary: `cluster-${shard}a:6379`,
  replica: `cluster-${shard}b:6379`,
  epoch: shard + 11,
}));

const shardsOf: Readonly<Record<RedisRole, readonly HealthyShard[]>> = {
  registry: [{ primary: "registry:6379" }],
  rate_limit: [{ primary: "rate-limit:6379" }],
  sequence: [{ primary: "sequence:6379" }],
  preferences: cluster,
  dedup: [{ primary: "dedup-a:6379", replica: "dedup-b:6379", epoch: 13 }],
  token_bucket: cluster,
};

/** When all servers were started, in seconds since 1970. */
const started = 1_767_225_600;

function nodeSeries(role: RedisRole, node: string): HealthySeries[] {
  const labels = { role, node };
  return [
    { metric: "redisops_redis_up", labels, value: 1 },
    { metric: "redisops_redis_loading", labels, value: 0 },
    { metric: "redisops_redis_start_timestamp_seconds", labels, value: started },
  ];
}

function replicaSeries(role: RedisRole, node: string): HealthySeries[] {
  const labels = { role, node };
  return [
    ...nodeSeries(role, node),
    { metric: "redisops_redis_replication_link_up", labels, value: 1 },
    { metric: "redisops_redis_replication_lag_seconds", labels, value: 1 },
    { metric: "redisops_redis_replication_lag_bytes", labels, value: 140 },
  ];
}

function shardSeries(role: RedisRole, number: number, share: number, shard: HealthyShard): HealthySeries[] {
  const labels = { role, shard: String(number) };
  const { primary, replica, epoch } = shard;
  return [
    { metric: "redisops_shard_up", labels, value: 1 },
    { metric: "redisops_shard_key_space_ratio", labels, value: share },
    ...nodeSeries(role, primary),
    ...(epoch === undefined
      ? []
      : [{ metric: "redisops_shard_config_epoch", labels, value: epoch } as const]),
    ...(replica === undefined
      ? []
      : ([
          { metric: "redisops_shard_replicas_in_sync", labels, value: 1 },
          { metric: "redisops_shard_replicas_expected", labels, value: 1 },
          ...replicaSeries(role, replica),
        ] as const)),
  ];
}

function roleSeries(role: RedisRole): HealthySeries[] {
  const shards = shardsOf[role];
  return [
    { metric: "redisops_role_key_space_available_ratio", labels: { role }, value: 1 },
    ...errorClasses.map((error_class): HealthySeries => {
      return { metric: "redisops_role_failure", labels: { role, error_class }, value: 0 };
    }),
    ...shards.flatMap((shard, number) => shardSeries(role, number, 1 / shards.length, shard)),
  ];
}

const clusterRoles = ["preferences", "token_bucket"] as const;

function clusterSeries(role: RedisRole): HealthySeries[] {
  const labels = { role };
  return [
    { metric: "redisops_cluster_uncovered_ratio", labels, value: 0 },
    { metric: "redisops_cluster_state_ok", labels, value: 1 },
    { metric: "redisops_cluster_views", labels, value: 1 },
    { metric: "redisops_cluster_current_epoch", labels, value: 16 },
  ];
}

const dedup = { role: "dedup" } as const;

const sentinels: readonly HealthySeries[] = [
  { metric: "redisops_sentinels_reachable", labels: dedup, value: 3 },
  { metric: "redisops_sentinels_needed", labels: dedup, value: 2 },
  { metric: "redisops_sentinel_promotable_replicas", labels: dedup, value: 1 },
  { metric: "redisops_sentinel_failover_possible", labels: dedup, value: 1 },
  ...["sentinel-0:26379", "sentinel-1:26379", "sentinel-2:26379"].flatMap((node): HealthySeries[] => [
    { metric: "redisops_sentinel_up", labels: { ...dedup, node }, value: 1 },
    { metric: "redisops_sentinel_config_epoch", labels: { ...dedup, node }, value: 13 },
    { metric: "redisops_sentinel_primary_subjectively_down", labels: { ...dedup, node }, value: 0 },
  ]),
];

const filterReplica: readonly HealthySeries[] = [
  { metric: "redisops_bloom_replica_readable", labels: { ...dedup, node: "dedup-b:6379" }, value: 1 },
  {
    metric: "redisops_bloom_replica_canary_absent_ratio",
    labels: { ...dedup, node: "dedup-b:6379" },
    value: 0,
  },
];

/** What each role is judged by without a declaration of its own. */
const judged: readonly (readonly [RedisRole, ContractRule])[] = [
  ["registry", "eviction"],
  ["sequence", "eviction"],
  ["sequence", "persistence"],
  ["preferences", "eviction"],
  ["preferences", "replicas"],
  ["dedup", "eviction"],
  ["dedup", "replicas"],
  ["token_bucket", "eviction"],
  ["token_bucket", "replicas"],
];

const contracts = judged.map(([role, rule]): HealthySeries => {
  return { metric: "redisops_role_contract_violated", labels: { role, rule }, value: 0 };
});

/** What the servers, shards and Sentinels behind the roles report, of all three topologies at once. */
export const healthyTopology: readonly HealthySeries[] = [
  ...redisRoles.flatMap(roleSeries),
  ...clusterRoles.flatMap(clusterSeries),
  ...sentinels,
  ...filterReplica,
  ...contracts,
];
