import { during, episode } from "../episode.ts";
import type { DegradationMode } from "../mode.ts";

const role = { role: "preferences" } as const;
const shard = { ...role, shard: "3" } as const;

export const RedisClusterSlotsUncovered: DegradationMode = {
  id: "RedisClusterSlotsUncovered",
  title: "Part of a cluster’s key space is served by nobody",
  role: "any",
  board: "redisops-topology",
  severity: "page",
  nature: "symptom",
  origin:
    "A lost shard degrades only its share of the keys, and that is meant to last for seconds. Once it lasts, the same users or accounts are without the role at every request, and no automatism is left that would end it.",
  signal: {
    kind: "threshold",
    measure: { metric: "redisops_role_key_space_available_ratio" },
    aggregate: "max",
    by: ["role"],
    comparison: "<",
    limit: "available_ratio",
    and: {
      kind: "threshold",
      measure: { metric: "redisops_role_up" },
      aggregate: "max",
      by: ["role"],
      comparison: "==",
      limit: 1,
    },
  },
  thresholds: {
    for: {
      value: "5m",
      unit: "duration",
      reason:
        "RedisShardDown has been open for three minutes by then: the cluster’s own failover, and a restart of the servers, are over or have failed.",
    },
    available_ratio: {
      value: 0.99997,
      unit: "ratio",
      reason:
        "Half a slot short of all: one slot of 16,384 is 0.00006, and the sum of six shares is off by far less.",
    },
  },
  summary:
    "{{ with printf \"1 - max(redisops_role_key_space_available_ratio{role='%s'})\" $labels.role | query }}{{ . | first | value | humanizePercentage }}{{ end }} of the key space of {{ $labels.role }} is served by nobody",
  description:
    '{{ with printf "1 - max(redisops_role_key_space_available_ratio{role=\'%s\'})" $labels.role | query }}{{ . | first | value | humanizePercentage }}{{ end }} of the {{ if eq $labels.role "token_bucket" }}provider accounts{{ else if eq $labels.role "sequence" }}conversations{{ else }}users{{ end }} of {{ $labels.role }} are without Redis, always the same ones; {{ $value | humanizePercentage }} of the key space accept writes. Either a shard is down with its replicas, or slots belong to no shard at all.',
  userImpact:
    "For that share, always: preferences come from Postgres (or people count as opted in when it is overloaded), accounts are limited by the breakers alone. The others notice nothing, so total error rates look harmless.",
  containment:
    "The role’s fallback, key by key: clients of redisops/fallbacks go on using the shards that answer.",
  aggravators: [
    "Letting all workers read Postgres “to be safe”: the shards that answer are what keeps it alive.",
    "redis-cli --cluster fix while a server of the lost shard can still be started: it assigns the slots anew, and what that server held is given up.",
    "Rebalancing: it moves slots between shards that are already carrying more.",
  ],
  normal:
    "redisops_role_key_space_available_ratio is 1 and redisops_cluster_uncovered_ratio is 0; a failover lowers the first for seconds.",
  frequency:
    "When a shard has lost all of its servers, or after slots were moved or deleted by hand and the work was left half done.",
  prevention:
    "A replica of each shard on another machine; `redis-cli --cluster check` at the end of every change to the slots.",
  topologies: {
    standalone: "Never fires: there the whole key space is lost or nothing.",
    sentinel: "Never fires: there the whole key space is lost or nothing.",
    cluster:
      "With cluster-require-full-coverage yes the nodes refuse every key as soon as a slot is uncovered: then the role is down (state “cluster_down”), and its own alert fires.",
  },
  diagnosis: [
    {
      command: "redisops status",
      shows: [
        "…RedisClusterSlotsUncovered  …  (see below)",
        "  5 of 6 shards accept writes; 16.7 % of the key space is without;…",
        "  RedisClusterSlotsUncovered: Part of a cluster’s key space is served by nobody",
        "  REDIS_REFUSED: preferences Redis at 127.0.0.1:… refused the connection",
      ],
      branches: [
        {
          observed: "“5 of 6 shards accept writes; 16.7 % of the key space is without”",
          conclusion:
            "One shard is down. RedisShardDown names it; its page tells how to bring a server of it back or promote one.",
        },
        {
          observed: "all shards accept writes, and a share of the key space is without",
          conclusion:
            "Slots belong to nobody (redisops_cluster_uncovered_ratio is above 0). `redis-cli --cluster check <any node>` lists them; `redis-cli --cluster fix <any node>` assigns them.",
        },
        {
          observed: "“nodes disagree about who serves which slots”",
          conclusion:
            "A partition, or a slot move that was left half done. Mend the network first; then `redis-cli --cluster check` names open slots.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason:
      "Which copy of the lost keys is to live is a person’s decision; assigning the slots anew gives the old copy up.",
    instead:
      "Start a server of the lost shard. If none can be started, assign its slots to the others with `redis-cli --cluster fix <any node>`: the cache refills with the next reads, missing buckets count as full.",
    proof: "redisops_role_key_space_available_ratio is 1 for the role.",
    within: "one scrape after the last slot is served again",
    rollback: "Slots that were assigned anew are moved back with `redis-cli --cluster reshard`.",
    whenItFails:
      "Point the role at a new, empty cluster in redisops.yaml and in the applications. For preferences start the workers a few at a time, so that an empty cache does not send every read to Postgres at once.",
  },
  drill: {
    kind: "lab",
    inject: ["cut-shard --shard 3"],
    limits: "The lab’s nodes store nothing on disk: a shard that comes back is empty.",
  },
  inhibits: [
    "RedisShardDown",
    "RedisReplicaLost",
    "RedisErrorRateHigh",
    "ProbeFailing",
    "DegradedDecisionsBudgetBurn",
  ],
  panels: ["key-space-available", "shard-up", "cluster-slots", "cluster-agreement", "decisions-degraded"],
  scenarios: [
    {
      name: "a shard is lost with its replica, and nobody mends it",
      faults: [
        during(12, "redisops_role_key_space_available_ratio", role, 1, 0.833333),
        during(12, "redisops_shard_up", shard, 1, 0),
        during(12, "redisops_shard_replicas_in_sync", shard, 1, 0),
        during(12, "redisops_redis_up", { ...role, node: "cluster-3a:6379" }, 1, 0),
        during(12, "redisops_redis_up", { ...role, node: "cluster-3b:6379" }, 1, 0),
      ],
      expect: [
        { at: "2m", firing: [] },
        { at: "7m", firing: ["RedisShardDown"] },
        { at: "13m", firing: ["RedisClusterSlotsUncovered", "RedisShardDown", "RedisReplicaLost"] },
        { at: "17m", firing: [] },
      ],
    },
    {
      name: "a slot belongs to nobody after a reshard that was broken off",
      faults: [
        during(12, "redisops_role_key_space_available_ratio", role, 1, 0.999939),
        during(12, "redisops_cluster_uncovered_ratio", role, 0, 0.000061),
      ],
      expect: [
        { at: "7m", firing: [] },
        { at: "13m", firing: ["RedisClusterSlotsUncovered"] },
        { at: "17m", firing: [] },
      ],
    },
    {
      name: "the whole cluster is gone: that is the role’s own alert",
      faults: [
        episode("redisops_role_key_space_available_ratio", { role: "token_bucket" }, 1, 0),
        episode("redisops_role_up", { role: "token_bucket" }, 1, 0),
        episode("redisops_role_failure", { role: "token_bucket", error_class: "cluster_down" }, 0, 1),
      ],
      expect: [
        { at: "9m", firing: ["TokenBucketsDown"] },
        { at: "12m", firing: [] },
      ],
    },
  ],
  example: {
    labels: { role: "preferences" },
    summary: "16.67% of the key space of preferences is served by nobody",
    description:
      "16.67% of the users of preferences are without Redis, always the same ones; 83.33% of the key space accept writes. Either a shard is down with its replicas, or slots belong to no shard at all.",
  },
};
