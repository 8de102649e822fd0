import { during, episode } from "../episode.ts";
import type { DegradationMode } from "../mode.ts";

const shard = { role: "preferences", shard: "3" } as const;
const node = (name: string) => ({ role: "preferences", node: `${name}:6379` });

export const RedisShardDown: DegradationMode = {
  id: "RedisShardDown",
  title: "A shard accepts no writes, and no replica of it was promoted",
  role: "any",
  board: "redisops-topology",
  severity: "ticket",
  nature: "cause",
  origin:
    "Keys are spread over six shards, so one that is lost takes a sixth along and leaves the rest alone. Nobody has to act: a replica is promoted within seconds. This fires when that did not happen.",
  signal: {
    kind: "threshold",
    measure: { metric: "redisops_shard_key_space_ratio" },
    aggregate: "max",
    by: ["role", "shard"],
    comparison: ">",
    limit: 0,
    and: {
      kind: "threshold",
      measure: { metric: "redisops_shard_up" },
      aggregate: "max",
      by: ["role", "shard"],
      comparison: "==",
      limit: 0,
      and: {
        kind: "threshold",
        measure: { metric: "redisops_role_up" },
        aggregate: "max",
        by: ["role"],
        comparison: "==",
        limit: 1,
      },
    },
  },
  thresholds: {
    for: {
      value: "2m",
      unit: "duration",
      reason:
        "cluster-node-timeout (15 s unless set) until the others agree that the primary is gone, then an election of one to two seconds. Two minutes are several times that, and at least two scrapes.",
    },
  },
  summary:
    "Shard {{ $labels.shard }} of {{ $labels.role }} accepts no writes: {{ $value | humanizePercentage }} of the key space, and no replica took over",
  description:
    '{{ $value | humanizePercentage }} of the {{ if eq $labels.role "token_bucket" }}provider accounts{{ else if eq $labels.role "sequence" }}conversations{{ else }}users{{ end }} of {{ $labels.role }} are served by shard {{ $labels.shard }}, whose primary has accepted no write for two minutes. All others are served as usual. The cluster should have promoted a replica by itself within seconds.',
  userImpact:
    "The role’s fallback for that share of the keys, always the same ones: of preferences by user_id, of token buckets by account_id. Everybody else notices nothing.",
  containment:
    "redisops/fallbacks has a breaker for each primary, so that only keys of the lost shard are decided without Redis.",
  aggravators: [
    "CLUSTER FORGET or CLUSTER RESET of the lost primary while it still has the only copy of its keys.",
    "Restarting other primaries meanwhile: an election needs a majority of them, four of six.",
    "cluster-require-full-coverage yes (Redis’s default): then the whole cluster refuses, and the role’s own alert fires instead of this one.",
  ],
  normal: "redisops_shard_up is 1 for every shard; a failover leaves a gap of seconds.",
  frequency:
    "Only when primary and replicas of one shard are gone together, or the replica may not take over. Expect none in a year with replicas on other machines.",
  prevention:
    "Never put primary and replica of a shard on one machine or in one zone; keep one spare replica in the cluster, which moves to a shard that has lost its own (cluster-allow-replica-migration).",
  topologies: {
    standalone: "Never fires: its only shard is the role, and the role’s own alert says so.",
    sentinel: "Never fires: its only shard is the role, and the role’s own alert says so.",
    cluster: "preferences and token_bucket may share a cluster: then it fires for both roles at once.",
  },
  diagnosis: [
    {
      command: "redisops status",
      shows: [
        "preferences  Cluster at …  degraded  …  (see below)",
        "RedisShardDown  …  (see below)",
        "  5 of 6 shards accept writes; 16.7 % of the key space is without;…",
        "  RedisShardDown: A shard accepts no writes, and no replica of it was promoted",
        "  REDIS_REFUSED: preferences Redis at 127.0.0.1:… refused the connection",
      ],
      branches: [
        {
          observed: "“5 of 6 shards accept writes” and two servers that do not answer, of the same shard",
          conclusion:
            "Primary and replica are gone: nobody can be promoted. Start either of them; the replica if it was the last to serve.",
        },
        {
          observed: "one server does not answer, and its shard’s replica does",
          conclusion:
            "The replica was not elected. Its log has the reason: data too old (cluster-replica-validity-factor), cluster-replica-no-failover, or no majority of primaries. `redis-cli -p … CLUSTER FAILOVER TAKEOVER` on the replica promotes it without a vote.",
        },
        {
          observed: "REDIS_TIMEOUT instead of REDIS_REFUSED for the shard",
          conclusion:
            "The primary hangs for the exporter but the cluster still reaches it, so no vote begins. Find what blocks it, or `CLUSTER FAILOVER FORCE` on its replica.",
        },
        {
          observed: "REDIS_OUT_OF_MEMORY, REDIS_WRITE_REFUSED or REDIS_READONLY for the shard",
          conclusion:
            "It is alive and takes no writes, which no failover cures: raise maxmemory, free the disk of its snapshots, or bring its replica back.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason:
      "Promotion is the cluster’s own work, and starting a server its supervisor’s. What the shard held comes back by itself: preferences with the next reads, buckets full.",
    instead:
      "Start one server of the shard, or promote its replica with CLUSTER FAILOVER TAKEOVER. Cached preferences and buckets need nothing more: both fill at the next read.",
    proof:
      "redisops_shard_up is 1 for the shard, and redisops_role_key_space_available_ratio 1 for the role.",
    within: "one scrape after a server of the shard accepts writes",
    rollback:
      "A promotion is undone by CLUSTER FAILOVER on the former primary, once it is a replica in sync.",
    whenItFails:
      "If both servers’ data is gone, start empty ones and give the slots to another shard: `redis-cli --cluster fix <any node>`. Both cluster roles of this platform can be refilled.",
  },
  drill: {
    kind: "lab",
    inject: ["cut-shard --shard 3"],
    alsoFires: {
      NotificationsShedBudgetBurn: "The shard takes buckets along, so that learned limits hold.",
    },
    limits: "The lab’s nodes store nothing on disk: a shard that comes back is empty.",
  },
  inhibits: ["RedisReplicaLost", "RedisErrorRateHigh"],
  panels: ["shard-up", "shard-failures", "key-space-available", "shard-key-space", "cluster-slots"],
  scenarios: [
    {
      name: "primary and replica of one shard are gone for four minutes",
      faults: [
        during(4, "redisops_shard_up", shard, 1, 0),
        during(4, "redisops_role_key_space_available_ratio", { role: "preferences" }, 1, 0.833333),
        during(4, "redisops_shard_replicas_in_sync", shard, 1, 0),
        during(4, "redisops_redis_up", node("cluster-3a"), 1, 0),
        during(4, "redisops_redis_up", node("cluster-3b"), 1, 0),
        during(
          4,
          "redisops_probe_success",
          { probe: "redis", role: "preferences", target: "preferences" },
          1,
          0,
        ),
      ],
      expect: [
        { at: "2m", firing: [] },
        { at: "4m", firing: [] },
        { at: "6m", firing: ["RedisShardDown"] },
        { at: "9m", firing: [] },
      ],
    },
    {
      name: "a shard fails over within a minute, and its old primary returns as a replica",
      faults: [
        during(1, "redisops_shard_up", shard, 1, 0),
        during(1, "redisops_role_key_space_available_ratio", { role: "preferences" }, 1, 0.833333),
        during(3, "redisops_shard_replicas_in_sync", shard, 1, 0),
        during(3, "redisops_redis_up", node("cluster-3a"), 1, 0),
        {
          metric: "redisops_shard_config_epoch",
          labels: shard,
          runs: [
            { value: 14, samples: 4 },
            { value: 17, samples: 60 },
          ],
        },
      ],
      expect: [
        { at: "3m", firing: [] },
        { at: "6m", firing: ["RedisFailover"] },
        { at: "10m", firing: ["RedisFailover"] },
        { at: "40m", firing: [] },
      ],
    },
    {
      name: "all shards are gone: that is the role, not a shard",
      faults: [
        episode("redisops_role_up", { role: "token_bucket" }, 1, 0),
        episode("redisops_role_key_space_available_ratio", { role: "token_bucket" }, 1, 0),
        episode("redisops_role_failure", { role: "token_bucket", error_class: "refused" }, 0, 1),
        ...[0, 1, 2, 3, 4, 5].map((number) =>
          episode("redisops_shard_up", { role: "token_bucket", shard: String(number) }, 1, 0),
        ),
      ],
      expect: [
        { at: "9m", firing: ["TokenBucketsDown", "RedisDown"] },
        { at: "12m", firing: [] },
      ],
    },
  ],
  example: {
    labels: { role: "preferences", shard: "3" },
    summary: "Shard 3 of preferences accepts no writes: 16.67% of the key space, and no replica took over",
    description:
      "16.67% of the users of preferences are served by shard 3, whose primary has accepted no write for two minutes. All others are served as usual. The cluster should have promoted a replica by itself within seconds.",
  },
};
