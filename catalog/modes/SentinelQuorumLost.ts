import { episode } from "../episode.ts";
import type { DegradationMode } from "../mode.ts";
import type { ThresholdSignal } from "../signal.ts";

const dedup = { role: "dedup" } as const;

/** Not even one answers: how many a failover takes is not known then. */
const noneAnswers: ThresholdSignal = {
  kind: "threshold",
  measure: { metric: "redisops_sentinels_reachable" },
  aggregate: "max",
  by: ["role"],
  comparison: "==",
  limit: 0,
};

/** They answer the exporter and not one another, or stand still (TILT). A missing replica is RedisReplicaLost. */
const cannotAgree: ThresholdSignal = {
  kind: "threshold",
  measure: { metric: "redisops_sentinel_failover_possible" },
  aggregate: "max",
  by: ["role"],
  comparison: "==",
  limit: 0,
  and: {
    kind: "threshold",
    measure: { metric: "redisops_sentinel_promotable_replicas" },
    aggregate: "max",
    by: ["role"],
    comparison: ">",
    limit: 0,
  },
  or: noneAnswers,
};

const silent = (sentinel: number) =>
  episode("redisops_sentinel_up", { ...dedup, node: `sentinel-${sentinel}:26379` }, 1, 0);
const probeFails = episode(
  "redisops_probe_success",
  { probe: "sentinels", role: "dedup", target: "dedup" },
  1,
  0,
);

export const SentinelQuorumLost: DegradationMode = {
  id: "SentinelQuorumLost",
  title: "Too few Sentinels for a failover",
  role: "any",
  board: "redisops-topology",
  severity: "ticket",
  nature: "cause",
  origin:
    "The filter cannot be sharded, so its availability rests on one replica and on the Sentinels that would promote it. Without a majority of them everything works, until the primary dies and nothing happens.",
  signal: {
    kind: "threshold",
    measure: { metric: "redisops_sentinels_reachable" },
    over: { metric: "redisops_sentinels_needed" },
    aggregate: "max",
    by: ["role"],
    comparison: "<",
    limit: 1,
    or: cannotAgree,
  },
  thresholds: {
    for: {
      value: "2m",
      unit: "duration",
      reason:
        "A Sentinel restarts in seconds, and one whose machine stood still does nothing for 30 s (TILT). Two minutes outlast both.",
    },
  },
  summary: "The next loss of {{ $labels.role }}’s primary stays: too few Sentinels for a failover",
  description:
    "The Sentinels of {{ $labels.role }} that answer are fewer than a failover takes, or they do not reach one another. Redis itself works: 0% of the users are affected now, 100% are when its primary is lost.",
  userImpact: "None, until the primary is lost. Then the role is down until somebody starts it.",
  containment:
    "None is needed now: clients keep the primary that they know. Applications that start anew still find it as long as one Sentinel answers.",
  aggravators: [
    "Restarting or upgrading the primary now: nobody would promote its replica.",
    "Lowering the quorum to make this go away: the majority of all known Sentinels is needed all the same.",
    "Removing a dead Sentinel by deleting its machine only: the others go on counting it until SENTINEL RESET.",
  ],
  normal:
    "redisops_sentinels_reachable is all of them (3), redisops_sentinels_needed is less (2), redisops_sentinel_failover_possible is 1.",
  frequency: "When machines are patched two at a time, or Sentinels were moved without a SENTINEL RESET.",
  prevention:
    "Three Sentinels on three machines, none of them the primary’s only neighbour, and named by address in roles.dedup.sentinels. After each move run SENTINEL RESET on every one, half a minute apart.",
  topologies: {
    standalone: "Never fires: there is no Sentinel.",
    cluster: "Never fires: the primaries elect replicas themselves.",
  },
  diagnosis: [
    {
      command: "redisops status",
      shows: [
        "dedup  …  degraded  SentinelQuorumLost  …  (see below)",
        "  failover impossible: 1 of 3 Sentinels answers, 2 are needed;…",
        "  SentinelQuorumLost: Too few Sentinels for a failover",
        "  REDIS_REFUSED: dedup Sentinel at 127.0.0.1:… refused the connection",
      ],
      branches: [
        {
          observed: "“failover impossible: 1 of 3 Sentinels answers, 2 are needed”",
          conclusion:
            "Two processes are gone, or unreachable from here. Start them; they find the others by themselves.",
        },
        {
          observed: "“failover impossible: 3 of 3 Sentinels answer …”",
          conclusion:
            "They answer here and not one another, or count dead ones. `SENTINEL CKQUORUM <primary>` on each says which; open port 26379 between them, or run SENTINEL RESET where dead ones are listed.",
        },
        {
          observed: "“has suspended itself (TILT)”",
          conclusion:
            "Its clock jumped or its machine stood still. It goes on by itself after 30 s; look at NTP and at the host.",
        },
        {
          observed: "“failover impossible: no replica can be promoted”",
          conclusion: "The Sentinels are well; the replica is gone. RedisReplicaLost is the page to follow.",
        },
        {
          observed: "the role is “refused” or “timeout” as well",
          conclusion:
            "The primary was lost while nobody could replace it. Start it, or run `REPLICAOF NO ONE` on the replica and point the role at it.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason: "Sentinels are processes of the platform; redisops starts and configures none.",
    instead:
      "Start the missing Sentinels, or mend what keeps them apart. Their configuration files hold what they knew.",
    proof:
      "redisops_sentinel_failover_possible is 1 and redisops_sentinels_reachable is not below redisops_sentinels_needed.",
    within: "one scrape after a majority answers and sees one another, some ten seconds after their start",
    rollback: "Nothing was changed by redisops.",
    whenItFails:
      "Start new Sentinels with a fresh configuration (`sentinel monitor <primary> <its address now> 2`), name them in roles.dedup.sentinels, and run SENTINEL RESET on those that remain.",
  },
  drill: { kind: "lab", inject: ["stop-sentinels"] },
  inhibits: ["ProbeFailing"],
  panels: ["failover-possible", "sentinel-counts", "sentinel-views"],
  scenarios: [
    {
      name: "two of three Sentinels stop and are started again",
      faults: [
        episode("redisops_sentinels_reachable", dedup, 3, 1),
        episode("redisops_sentinel_failover_possible", dedup, 1, 0),
        silent(0),
        silent(1),
        probeFails,
      ],
      expect: [
        { at: "2m", firing: [] },
        { at: "4m", firing: [] },
        { at: "6m", firing: ["SentinelQuorumLost"] },
        { at: "13m", firing: [] },
      ],
    },
    {
      name: "all Sentinels are gone, and nobody tells where the primary is",
      faults: [
        episode("redisops_sentinels_reachable", dedup, 3, 0),
        episode("redisops_sentinels_needed", dedup, 2, "stale"),
        episode("redisops_sentinel_promotable_replicas", dedup, 1, "stale"),
        episode("redisops_sentinel_failover_possible", dedup, 1, 0),
        episode("redisops_role_up", dedup, 1, 0),
        episode("redisops_role_failure", { ...dedup, error_class: "refused" }, 0, 1),
        episode("redisops_role_key_space_available_ratio", dedup, 1, 0),
        silent(0),
        silent(1),
        silent(2),
        probeFails,
      ],
      expect: [
        { at: "2m", firing: [] },
        { at: "9m", firing: ["SentinelQuorumLost", "DedupSkipped", "RedisDown"] },
        { at: "13m", firing: [] },
      ],
    },
    {
      name: "all three answer the exporter and not one another",
      faults: [episode("redisops_sentinel_failover_possible", dedup, 1, 0)],
      expect: [
        { at: "6m", firing: ["SentinelQuorumLost"] },
        { at: "13m", firing: [] },
      ],
    },
    {
      name: "one of three is restarted",
      faults: [episode("redisops_sentinels_reachable", dedup, 3, 2), silent(0), probeFails],
      expect: [
        { at: "6m", firing: [] },
        { at: "9m", firing: [] },
      ],
    },
    {
      name: "the replica restarts: nobody could be promoted, which is not the Sentinels’ fault",
      faults: [
        {
          metric: "redisops_sentinel_failover_possible",
          labels: dedup,
          runs: [
            { value: 1, samples: 3 },
            { value: 0, samples: 4 },
            { value: 1, samples: 10 },
          ],
        },
        {
          metric: "redisops_sentinel_promotable_replicas",
          labels: dedup,
          runs: [
            { value: 1, samples: 3 },
            { value: 0, samples: 4 },
            { value: 1, samples: 10 },
          ],
        },
      ],
      expect: [{ at: "6m", firing: [] }],
    },
  ],
  example: {
    labels: { role: "dedup" },
    summary: "The next loss of dedup’s primary stays: too few Sentinels for a failover",
    description:
      "The Sentinels of dedup that answer are fewer than a failover takes, or they do not reach one another. Redis itself works: 0% of the users are affected now, 100% are when its primary is lost.",
  },
};
