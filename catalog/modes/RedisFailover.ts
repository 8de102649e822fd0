import type { DegradationMode, FaultSeries } from "../mode.ts";

const dedup = { role: "dedup" } as const;
const shard = { ...dedup, shard: "0" } as const;
const oldPrimary = { ...dedup, node: "dedup-a:6379" } as const;

/** A value until so many minutes have passed, and another one from then on. */
const turn = (
  metric: FaultSeries["metric"],
  labels: FaultSeries["labels"],
  minute: number,
  before: number,
  after: number,
): FaultSeries => ({
  metric,
  labels,
  runs: [
    { value: before, samples: minute },
    { value: after, samples: 90 - minute },
  ],
});

/** A value that is another one for so many minutes, from the third on. */
const brief = (
  metric: FaultSeries["metric"],
  labels: FaultSeries["labels"],
  minutes: number,
  usual: number,
  other: number,
): FaultSeries => ({
  metric,
  labels,
  runs: [
    { value: usual, samples: 3 },
    { value: other, samples: minutes },
    { value: usual, samples: 90 - 3 - minutes },
  ],
});

export const RedisFailover: DegradationMode = {
  id: "RedisFailover",
  title: "A primary was lost, and a replica took its place",
  role: "any",
  board: "redisops-topology",
  severity: "ticket",
  nature: "cause",
  origin:
    "Sentinel and cluster replace a primary within seconds, mostly before a worker notices. It is over when this arrives; somebody still has to ask why the primary died and which writes died with it. A failover that somebody ordered stays silent: nothing goes away in it.",
  signal: {
    kind: "promql",
    // The servers report their start to within a second, and their clocks may be set right; a restart moves it by their whole uptime.
    value:
      "max_over_time((max by (role, shard) (changes(redisops_shard_config_epoch[$moment])) and on (role) (" +
      "max by (role) (changes(redisops_redis_up[$around]) unless on (role, node) (max_over_time(redisops_redis_loading[$around]) == 1)) > 0 or " +
      "max by (role) (max_over_time(redisops_redis_start_timestamp_seconds[$around]) - min_over_time(redisops_redis_start_timestamp_seconds[$around])) > 5" +
      "))[$shown:1m])",
    by: ["role", "shard"],
    compared: { comparison: ">", limit: 0 },
    reason:
      "A failover is a change, not a state: it shows in an epoch that is another one than before, with a server of the role that went away or was restarted around it.",
  },
  thresholds: {
    for: { value: "0s", unit: "duration", reason: "An event has no duration; it is over when it is seen." },
    moment: {
      value: "2m",
      unit: "duration",
      reason:
        "Two scrapes a minute apart, so that a new epoch is seen once. Short on purpose: what restarts later than this after an ordered failover is maintenance.",
    },
    around: {
      value: "5m",
      unit: "duration",
      reason:
        "A primary that was lost has been away for down-after-milliseconds (30 s) or cluster-node-timeout (15 s) when the epoch changes; five minutes leave room for scrapes that were lost with it.",
    },
    shown: {
      value: "30m",
      unit: "duration",
      reason:
        "Long enough to be grouped, delivered and read; short enough that the next failover of the day is a new alert.",
    },
  },
  summary: "Shard {{ $labels.shard }} of {{ $labels.role }} has failed over: its primary was lost",
  description:
    "A replica of shard {{ $labels.shard }} of {{ $labels.role }} was made the primary in the last half hour, and a server of the role was away or was restarted around it, so nobody ordered it. Service is back. Writes that the replica did not have yet are lost, and there is one spare less until the old primary returns.",
  userImpact:
    "Some seconds on the role’s fallback. Afterwards what the lost writes cost: repeated ids for sequence, duplicates for dedup, users who look offline until their next heartbeat for registry.",
  containment:
    "Clients of redisops/fallbacks ask the Sentinels, or the cluster’s slot map, for the successor as soon as a breaker opens.",
  aggravators: [
    "Starting the old primary with its own configuration behind the Sentinels’ back: for some seconds there are two, and what it takes is thrown away.",
    "A second failover before the replica is in sync: it promotes a copy with holes, or nobody.",
    "min-replicas-to-write 0 on a store that must not lose writes: a primary that is cut off goes on taking them.",
  ],
  normal:
    "redisops_shard_config_epoch is constant, or changes while redisops_redis_up of all servers stays 1.",
  frequency:
    "With every primary that dies or is cut off. Also when a server is restarted within five minutes before an ordered failover of its role: the two cannot be told apart.",
  prevention:
    "Find out why primaries die before counting on the next failover. For maintenance order a failover first, and restart the old primary some minutes later.",
  topologies: {
    standalone: "Never fires: nobody could be promoted.",
    sentinel: "The label shard is 0. The epoch is the Sentinels’ config-epoch of the primary.",
    cluster:
      "One alert for each shard, and for each role that shares the cluster. Slot moves raise epochs too; they are silent unless a server was away.",
  },
  diagnosis: [
    {
      command: "redisops status",
      shows: [
        "dedup  …  degraded  RedisReplicaLost  …  (see below)",
        "  127.0.0.1:… does not answer; 0 of 1 replicas in sync;",
        "…3 of 3 Sentinels answer;…",
      ],
      branches: [
        {
          observed: "“… does not answer” and “0 of 1 replicas in sync”",
          conclusion:
            "The old primary is still gone, and there is no spare. Find out why it died (its log, `dmesg`), and start it: it returns as a replica by itself.",
        },
        {
          observed: "no such line, all states “ok”",
          conclusion:
            "The old primary is back as a replica. Compare redisops_redis_start_timestamp_seconds: a new start says that it died, the old one that it hung or was cut off.",
        },
        {
          observed: "“known-sent ids absent …” above 0 for dedup, or a regressed share for sequence",
          conclusion:
            "Writes were lost. For dedup run redisops recover bloom; for sequence run redisops recover sequence --all, whether SequenceRegressed fires or not.",
        },
        {
          observed: "“Sentinel … names another primary”",
          conclusion:
            "That Sentinel missed the failover and sends its clients to the old primary. Restart it, or run SENTINEL RESET on it once the others agree.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason:
      "The failover itself was the recovery. What it lost differs by role, and each loss has an alert of its own.",
    instead:
      "Bring the old primary back as a replica, look for lost writes as above, and find out why it died.",
    proof:
      "redisops_shard_replicas_in_sync is redisops_shard_replicas_expected again, and redisops_shard_config_epoch does not change any more.",
    within:
      "the old primary’s start and one full sync; the alert itself ends half an hour after the failover",
    rollback:
      "An ordered failover (SENTINEL FAILOVER, CLUSTER FAILOVER) makes the old primary the primary again; there is no need for it.",
    whenItFails:
      "If epochs go on changing, two servers depose each other: the network flaps, or down-after-milliseconds is shorter than the servers’ pauses. Raise it before the next one.",
  },
  drill: {
    kind: "lab",
    inject: ["kill --role dedup"],
    alsoFires: {
      DedupSkipped:
        "Until the replica is promoted the filter is away; a drill’s alerts wait for seconds only.",
      RedisDown: "The same, by its cause.",
      DegradedDecisionsBudgetBurn: "The workers’ decisions meanwhile are a fallback’s.",
      RedisReplicaLost: "The promoted replica has none itself until the killed server is back.",
    },
  },
  inhibits: [],
  panels: ["failovers", "shard-up", "node-up", "node-uptime", "shard-replicas"],
  scenarios: [
    {
      name: "the filter’s primary dies, the Sentinels promote its replica, and it returns",
      faults: [
        turn("redisops_shard_config_epoch", shard, 4, 13, 14),
        brief("redisops_redis_up", oldPrimary, 3, 1, 0),
        brief("redisops_role_up", dedup, 1, 1, 0),
        brief("redisops_shard_up", shard, 1, 1, 0),
        brief("redisops_shard_replicas_in_sync", shard, 3, 1, 0),
        brief("redisops_sentinel_promotable_replicas", dedup, 3, 1, 0),
        brief("redisops_sentinel_failover_possible", dedup, 3, 1, 0),
      ],
      expect: [
        { at: "2m", firing: [] },
        { at: "3m", firing: [] },
        { at: "5m", firing: ["RedisFailover"] },
        { at: "30m", firing: ["RedisFailover"] },
        { at: "40m", firing: [] },
      ],
    },
    {
      name: "the primary crashes and is back as a replica between two scrapes",
      faults: [
        turn("redisops_shard_config_epoch", shard, 10, 13, 14),
        turn("redisops_redis_start_timestamp_seconds", oldPrimary, 10, 1_767_225_600, 1_767_312_000),
      ],
      expect: [
        { at: "9m", firing: [] },
        { at: "11m", firing: ["RedisFailover"] },
        { at: "45m", firing: [] },
      ],
    },
    {
      name: "a failover that was ordered, with one scrape without the primary",
      faults: [
        turn("redisops_shard_config_epoch", shard, 4, 13, 14),
        brief("redisops_role_up", dedup, 1, 1, 0),
        brief("redisops_shard_up", shard, 1, 1, 0),
        brief("redisops_shard_replicas_in_sync", shard, 1, 1, 0),
      ],
      expect: [
        { at: "4m", firing: [] },
        { at: "6m", firing: [] },
        { at: "20m", firing: [] },
      ],
    },
    {
      name: "an ordered failover whose old primary loads a full copy and is upgraded four minutes later",
      faults: [
        turn("redisops_shard_config_epoch", shard, 3, 13, 14),
        brief("redisops_redis_up", oldPrimary, 2, 1, 0),
        brief("redisops_redis_loading", oldPrimary, 2, 0, 1),
        turn("redisops_redis_start_timestamp_seconds", oldPrimary, 8, 1_767_225_600, 1_767_312_000),
      ],
      expect: [
        { at: "4m", firing: [] },
        { at: "6m", firing: [] },
        { at: "12m", firing: [] },
      ],
    },
    {
      name: "slots are moved, which raises an epoch",
      faults: [turn("redisops_shard_config_epoch", { role: "preferences", shard: "2" }, 5, 13, 18)],
      expect: [
        { at: "6m", firing: [] },
        { at: "20m", firing: [] },
      ],
    },
  ],
  example: {
    labels: { role: "dedup", shard: "0" },
    summary: "Shard 0 of dedup has failed over: its primary was lost",
    description:
      "A replica of shard 0 of dedup was made the primary in the last half hour, and a server of the role was away or was restarted around it, so nobody ordered it. Service is back. Writes that the replica did not have yet are lost, and there is one spare less until the old primary returns.",
  },
};
