import { during } from "../episode.ts";
import type { DegradationMode } from "../mode.ts";
import type { ThresholdSignal } from "../signal.ts";

const dedup = { role: "dedup" } as const;
const replica = { ...dedup, node: "dedup-b:6379" } as const;

/** A copy of the filter that cannot be read would be promoted into an outage. */
const unreadable: ThresholdSignal = {
  kind: "threshold",
  measure: { metric: "redisops_bloom_replica_readable" },
  aggregate: "min",
  by: ["role", "shard"],
  comparison: "==",
  limit: 0,
};

/** A copy that lacks what the primary has would be promoted cold. Where the primary lacks it too, BloomCold says so. */
const cold: ThresholdSignal = {
  kind: "threshold",
  measure: { metric: "redisops_bloom_replica_canary_absent_ratio" },
  aggregate: "max",
  by: ["role", "shard"],
  comparison: ">",
  limit: "absent_ratio",
  and: {
    kind: "threshold",
    measure: { metric: "redisops_bloom_canary_absent_ratio" },
    aggregate: "max",
    by: ["role"],
    comparison: "<",
    limit: "absent_ratio",
  },
  or: unreadable,
};

export const RedisReplicaLost: DegradationMode = {
  id: "RedisReplicaLost",
  title: "A shard lacks replicas that could take over",
  role: "any",
  board: "redisops-topology",
  severity: "ticket",
  nature: "cause",
  origin:
    "Shards, and the one Redis that holds the filter, survive the loss of a primary only through a replica that has its data. Redundancy is judged shard by shard and role by role: a spare of another one is none.",
  signal: {
    kind: "threshold",
    measure: { metric: "redisops_shard_replicas_in_sync" },
    over: { metric: "redisops_shard_replicas_expected" },
    aggregate: "max",
    by: ["role", "shard"],
    comparison: "<",
    limit: 1,
    or: cold,
  },
  thresholds: {
    for: {
      value: "5m",
      unit: "duration",
      reason:
        "After a failover or an upgrade the old primary returns with a full copy: at 100 MB/s five minutes are 30 GB. Longer than that it will not come by itself.",
    },
    absent_ratio: {
      value: 0.05,
      unit: "ratio",
      reason:
        "10 of 200 sampled ids. The youngest may still be on their way to the replica, which takes milliseconds; a replica that lost its data lacks nearly all.",
    },
  },
  summary:
    "{{ if $labels.shard }}Shard {{ $labels.shard }} of {{ $labels.role }} lacks replicas that could take over{{ else }}A replica of {{ $labels.role }} does not hold what was sent{{ end }}",
  description:
    "{{ if $labels.shard }}{{ $value | humanizePercentage }} of the replicas that shard {{ $labels.shard }} of {{ $labels.role }} should have are in sync with its primary. Nobody is affected now; when this primary is lost, its share of the keys goes with it.{{ else }}A replica of the filter cannot be read, or does not know what the primary knows. Nobody is affected now; once promoted it would let duplicates through.{{ end }}",
  userImpact:
    "None. The next loss of this primary is an outage of its keys instead of a failover of seconds.",
  containment:
    "The primary serves on. Where another replica of the same shard is left, that one is still promoted.",
  aggravators: [
    "Restarting or failing over this primary now.",
    "A client-output-buffer-limit that is too small for the write load: the full copy is cut off just before its end, and begins again, each time with a fork.",
    "Adding several replicas at once: the primary forks and sends a full copy for each group of them.",
  ],
  normal: "redisops_shard_replicas_in_sync equals redisops_shard_replicas_expected for every shard.",
  frequency:
    "After every failover until the old primary is back, if that takes longer than five minutes; with every replica that is lost.",
  prevention:
    "Restart dead servers automatically, give replicas the same memory as primaries, and declare contract.replicas where the expected number cannot be told from the topology.",
  topologies: {
    standalone:
      "Fires only where the role’s contract in redisops.yaml declares replicas. The label shard is 0.",
    sentinel:
      "One replica is expected without a declaration. For dedup the replica’s filter is asked for known-sent ids as well; that alert has no label shard.",
    cluster:
      "Expected is what most shards have. A spare replica of another shard may move in by itself (cluster-allow-replica-migration), which takes some seconds.",
  },
  diagnosis: [
    {
      command: "redisops status",
      shows: [
        "dedup  …  degraded  RedisReplicaLost  …  (see below)",
        "  127.0.0.1:… does not answer; 0 of 1 replicas in sync;",
        "  RedisReplicaLost: A shard lacks replicas that could take over",
      ],
      branches: [
        {
          observed: "“… does not answer” beside “0 of 1 replicas in sync”",
          conclusion: "The replica’s process or machine is gone. Start it; it syncs by itself.",
        },
        {
          observed: "“replica … has lost its primary”",
          conclusion:
            "It runs and cannot follow. Its log says why: masterauth or an ACL, a firewall, or a copy that is cut off (`client-output-buffer-limit replica` on the primary, `repl-timeout` on both).",
        },
        {
          observed: "“replica … is … behind”, more at each call",
          conclusion:
            "It cannot keep up: its disk or its network is too slow, or somebody runs long reads on it.",
        },
        {
          observed: "“replica …: known-sent ids absent …” far above 0 %, the primary’s at 0 %",
          conclusion:
            "It follows somebody else, or was written to. On the replica `REPLICAOF NO ONE`, `FLUSHALL`, and `REPLICAOF` the primary again: a full copy.",
        },
        {
          observed: "a replica was removed on purpose",
          conclusion:
            "Declare the number that is right in roles.<role>.contract.replicas, and run SENTINEL RESET so that it is forgotten.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason:
      "A replica copies its primary by itself as soon as it runs and reaches it; nothing has to be rebuilt.",
    instead:
      "Start the replica, or a new one: `REPLICAOF` behind Sentinels, `redis-cli --cluster add-node … --cluster-slave` in a cluster.",
    proof:
      "redisops_shard_replicas_in_sync equals redisops_shard_replicas_expected, and redisops_bloom_replica_canary_absent_ratio is 0.",
    within: "the time of a full copy: about a minute for 6 GB at 100 MB/s, and one scrape",
    rollback: "A replica that is too much is stopped, and forgotten with SENTINEL RESET or CLUSTER FORGET.",
    whenItFails:
      "If each copy breaks off, raise `client-output-buffer-limit replica` and `repl-backlog-size` on the primary with CONFIG SET, and try again in a quiet hour. Until then take a snapshot elsewhere (BGSAVE) if the primary has memory for the fork.",
  },
  drill: { kind: "lab", inject: ["cut-replica --role dedup"] },
  inhibits: ["ProbeFailing"],
  panels: [
    "shard-replicas",
    "node-replication-link",
    "node-replication-seconds",
    "bloom-replica-canaries",
    "node-up",
  ],
  scenarios: [
    {
      name: "the filter’s replica is gone for ten minutes",
      faults: [
        during(10, "redisops_shard_replicas_in_sync", { ...dedup, shard: "0" }, 1, 0),
        during(10, "redisops_redis_up", replica, 1, 0),
        during(10, "redisops_sentinel_promotable_replicas", dedup, 1, 0),
        during(10, "redisops_sentinel_failover_possible", dedup, 1, 0),
      ],
      expect: [
        { at: "2m", firing: [] },
        { at: "7m", firing: [] },
        { at: "10m", firing: ["RedisReplicaLost"] },
        { at: "15m", firing: [] },
      ],
    },
    {
      name: "one shard of six has lost its replica",
      faults: [
        during(10, "redisops_shard_replicas_in_sync", { role: "token_bucket", shard: "4" }, 1, 0),
        during(10, "redisops_redis_up", { role: "token_bucket", node: "cluster-4b:6379" }, 1, 0),
      ],
      expect: [
        { at: "7m", firing: [] },
        { at: "10m", firing: ["RedisReplicaLost"] },
        { at: "15m", firing: [] },
      ],
    },
    {
      name: "the filter’s replica lost its data, the primary did not",
      faults: [during(10, "redisops_bloom_replica_canary_absent_ratio", replica, 0, 1)],
      expect: [
        { at: "7m", firing: [] },
        { at: "10m", firing: ["RedisReplicaLost"] },
        { at: "15m", firing: [] },
      ],
    },
    {
      name: "a replica loads a full copy for four minutes",
      faults: [
        during(4, "redisops_shard_replicas_in_sync", { ...dedup, shard: "0" }, 1, 0),
        during(4, "redisops_bloom_replica_readable", replica, 1, 0),
        during(4, "redisops_redis_loading", replica, 0, 1),
        during(4, "redisops_redis_up", replica, 1, 0),
      ],
      expect: [
        { at: "6m", firing: [] },
        { at: "9m", firing: [] },
      ],
    },
    {
      name: "a replica that is some megabytes and seconds behind",
      faults: [
        during(12, "redisops_redis_replication_lag_bytes", replica, 140, 5_000_000),
        during(12, "redisops_redis_replication_lag_seconds", replica, 1, 8),
      ],
      expect: [{ at: "14m", firing: [] }],
    },
  ],
  example: {
    labels: { role: "dedup", shard: "0" },
    summary: "Shard 0 of dedup lacks replicas that could take over",
    description:
      "0% of the replicas that shard 0 of dedup should have are in sync with its primary. Nobody is affected now; when this primary is lost, its share of the keys goes with it.",
  },
};
