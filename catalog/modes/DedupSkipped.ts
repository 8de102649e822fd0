import { episode } from "../episode.ts";
import type { DegradationMode } from "../mode.ts";

export const DedupSkipped: DegradationMode = {
  id: "DedupSkipped",
  title: "Deduplication filter unusable",
  role: "dedup",
  board: "redisops-dedup",
  severity: "page",
  nature: "symptom",
  origin:
    "Without the filter nobody can tell whether a notification was already sent. It is sent anyway: a missing fraud alert is worse than a repeated one. Duplicates are bounded by the length of the outage.",
  signal: {
    kind: "threshold",
    measure: { metric: "redisops_role_up", where: { role: "dedup" } },
    aggregate: "max",
    by: ["role"],
    comparison: "==",
    limit: 0,
    or: {
      kind: "threshold",
      measure: { metric: "redisops_bloom_readable", where: { role: "dedup" } },
      aggregate: "max",
      by: ["role"],
      comparison: "==",
      limit: 0,
      // The exporter may reach a filter that the workers do not.
      or: {
        kind: "threshold",
        measure: {
          metric: "redisops_decisions_degraded_total",
          where: { role: "dedup", fallback: "skip_dedup" },
        },
        over: { metric: "redisops_decisions_total", where: { role: "dedup" } },
        rateWindow: "window",
        aggregate: "sum",
        by: ["role"],
        comparison: ">",
        limit: "skipped_ratio",
        and: {
          kind: "threshold",
          measure: { metric: "redisops_decisions_total", where: { role: "dedup" } },
          rateWindow: "window",
          aggregate: "sum",
          by: ["role"],
          comparison: ">",
          limit: "min_decision_rate",
        },
      },
    },
  },
  thresholds: {
    for: {
      value: "1m",
      unit: "duration",
      reason:
        "Outlasts a Sentinel promotion of the filter’s replica: 3 to 10 s with a down-after-milliseconds of 3 s; at Sentinel’s default of 30 s just so.",
    },
    window: {
      value: "5m",
      unit: "duration",
      reason: "Four scrapes also where Prometheus scrapes once a minute.",
    },
    skipped_ratio: {
      value: 0.5,
      unit: "ratio",
      reason:
        "There is one filter for everybody: when it is lost all checks are skipped. Fewer than half means that some workers do not reach it, which burns the budget of DegradedDecisionsBudgetBurn.",
    },
    min_decision_rate: {
      value: 1,
      unit: "per_second",
      reason: "Below 300 checks in the window a handful that timed out make a large share.",
    },
  },
  summary: "Deduplication filter cannot be used: duplicates are being accepted",
  description:
    "{{ if eq $value 0.0 }}The filter’s server does not answer, refuses writes, or has no usable filter: 100% of the notifications are{{ else }}The filter answers redisops and not the workers: {{ $value | humanizePercentage }} of the notifications are{{ end }} sent without a duplicate check. When the filter is back, check whether it still knows what was sent (BloomCold).",
  userImpact: "Some people receive the same notification more than once. Nobody misses one.",
  containment:
    "Workers skip the check after 50 ms at the latest, at once when their breaker is open, and send. Delivery is never held back for the filter.",
  aggravators: [
    "Pausing the workers until the filter is back: time-sensitive notifications would be missed.",
    "Replaying queues or retrying failed batches during the outage: every replay is delivered.",
    "Starting the filter’s old primary without its data while the replica still has it: an empty primary empties the replica.",
  ],
  normal:
    'redisops_role_up{role="dedup"} and redisops_bloom_readable are 1 in every scrape, and redisops_decisions_degraded_total{role="dedup",fallback="skip_dedup"} stands still but for the seconds of a failover.',
  frequency:
    "Only when the filter’s server and its replica are both gone, or the server was exchanged or filled up; expect none in a normal month.",
  prevention:
    "Keep a replica and three Sentinels for the filter; enable persistence so that a restart does not come back empty.",
  topologies: {
    standalone:
      "Every restart of the one server is this mode, and one without persistence is followed by BloomCold.",
    sentinel:
      "A replica takes over within seconds; this page means that none could. RedisReplicaLost and SentinelQuorumLost say beforehand that the next failover will not happen.",
  },
  diagnosis: [
    {
      command: "redisops status --role dedup",
      shows: [
        "dedup  (primary dedup of Sentinels… refused …DedupSkipped…",
        "  … does not answer; … does not answer; 0 of 1 replicas in sync;",
        "  DedupSkipped: Deduplication filter unusable",
        "  REDIS_REFUSED: dedup Redis at … refused the connection",
      ],
      branches: [
        {
          observed: "state “refused”",
          conclusion:
            "No process is running. Of several start the one first that was the primary last: it knows most. Then look at BloomCold.",
        },
        {
          observed: "state “timeout”",
          conclusion:
            "The process hangs: a long command or a full disk. Look at its slow log and CPU before restarting it, a restart may empty it.",
        },
        {
          observed: "state “loading”",
          conclusion: "It is reading its data set and will know what was sent. Wait.",
        },
        {
          observed: "FILTER_ENGINE_UNSUPPORTED",
          conclusion:
            "The server is up without BF commands: this is a different server than before. Load the module, or choose engine bitmap for redisops and the workers alike.",
        },
        {
          observed: "FILTER_WRONG_TYPE",
          conclusion:
            "The server is up, and the filter’s key holds something else. Compare roles.dedup.filter.key and engine with the workers’; rename what is foreign away, then run redisops recover bloom.",
        },
        {
          observed: "state “degraded” with REDIS_AUTH",
          conclusion:
            "The server is up, and the ACL forbids the filter’s commands. Compare it with docs/security.md; the workers’ user may be affected as well.",
        },
        {
          observed: "state “out_of_memory”",
          conclusion:
            "The server refuses every write at maxmemory: sent ids are no longer remembered. Raise maxmemory or remove foreign keys, then look at BloomCold.",
        },
        {
          observed: "state “readonly”",
          conclusion:
            "A replica answers: sent ids are not remembered. Wait for the failover to end, or point roles.dedup and the workers at the primary.",
        },
        {
          observed: "state “write_refused”",
          conclusion:
            "The filter takes no new ids, so what is sent now can be sent again. MISCONF means a full disk under its snapshots; NOREPLICAS that its replica is gone, which RedisReplicaLost is about.",
        },
        {
          observed: "“failover impossible”",
          conclusion:
            "The replica lives, and nobody may promote it. Start the missing Sentinels; they do it within seconds of having a majority.",
        },
        {
          observed: "state “ok”, and the alert gives a share",
          conclusion:
            "Only the workers lack the filter. Compare their Sentinels, credentials and network with roles.dedup in redisops.yaml.",
        },
        {
          observed: "state “ok” and mode BloomCold",
          conclusion: "The server is back but empty: run redisops recover bloom.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason:
      "Only a server that answers, accepts writes and knows the filter’s commands ends this mode. Duplicates sent meanwhile cannot be taken back; redisops audit duplicates --since 2h, with the time of the incident, lists them where each send is on record (postgres.tables.sends, or a Kafka topic).",
    instead:
      "Start, fail over or mend the filter’s Redis. Then run redisops recover bloom: what was sent meanwhile is in no filter.",
    proof:
      'redisops_role_up{role="dedup"} and redisops_bloom_readable are 1 again and redisops_bloom_canary_absent_ratio is 0.',
    within:
      "one scrape after the server answers; where the workers’ share fired it, five minutes, which is the window",
    rollback: "Nothing was changed by redisops.",
    whenItFails:
      "Start a new empty server under the same address and rebuild the filter with redisops recover bloom. Where no server can be had for hours, stop producers that are known to send everything twice; nothing else is to be done, delivery goes on.",
  },
  drill: {
    kind: "lab",
    inject: ["kill-all --role dedup"],
    alsoFires: { RedisReplicaLost: "The replica is killed with its primary." },
  },
  inhibits: [
    "BloomCold",
    "BloomSaturated",
    "RedisDown",
    "RedisHung",
    "RedisErrorRateHigh",
    "RedisShardDown",
    "ProbeFailing",
    "DegradedDecisionsBudgetBurn",
  ],
  panels: [
    "role-up",
    "role-failures",
    "role-response",
    "bloom-readable",
    "decisions-by-fallback-dedup",
    "notifications-held",
    "if-it-dies-dedup",
  ],
  scenarios: [
    {
      name: "the filter’s server goes away and comes back complete",
      faults: [
        episode("redisops_role_up", { role: "dedup" }, 1, 0),
        episode("redisops_bloom_canary_absent_ratio", { role: "dedup" }, 0, "stale"),
      ],
      expect: [
        { at: "2m", firing: [] },
        { at: "3m", firing: [] },
        { at: "5m", firing: ["DedupSkipped"] },
        { at: "12m", firing: [] },
      ],
    },
    {
      name: "the server is up, and the filter cannot be used",
      faults: [
        episode("redisops_bloom_readable", { role: "dedup" }, 1, 0),
        episode("redisops_bloom_canary_absent_ratio", { role: "dedup" }, 0, "stale"),
      ],
      expect: [
        { at: "2m", firing: [] },
        { at: "3m", firing: [] },
        { at: "5m", firing: ["DedupSkipped"] },
        { at: "12m", firing: [] },
      ],
    },
    {
      name: "a promotion that one scrape meets",
      faults: [
        {
          metric: "redisops_role_up",
          labels: { role: "dedup" },
          runs: [
            { value: 1, samples: 3 },
            { value: 0, samples: 1 },
            { value: 1, samples: 10 },
          ],
        },
        {
          metric: "redisops_decisions_degraded_total",
          labels: { role: "dedup", fallback: "skip_dedup" },
          runs: [
            { value: 0, samples: 3 },
            { value: 400, samples: 1 },
            { value: 0, samples: 10 },
          ],
        },
      ],
      expect: [
        { at: "3m", firing: [] },
        { at: "5m", firing: [] },
      ],
    },
    {
      name: "the exporter reaches the filter, the workers do not",
      faults: [
        {
          metric: "redisops_decisions_degraded_total",
          labels: { role: "dedup", fallback: "skip_dedup" },
          runs: [
            { value: 0, samples: 10 },
            { value: 60_000, samples: 10 },
            { value: 0, samples: 20 },
          ],
        },
      ],
      expect: [
        { at: "9m", firing: [] },
        { at: "18m", firing: ["DedupSkipped", "DegradedDecisionsBudgetBurn"] },
        { at: "30m", firing: ["DegradedDecisionsBudgetBurn"] },
      ],
    },
  ],
  example: {
    labels: { role: "dedup" },
    summary: "Deduplication filter cannot be used: duplicates are being accepted",
    description:
      "The filter’s server does not answer, refuses writes, or has no usable filter: 100% of the notifications are sent without a duplicate check. When the filter is back, check whether it still knows what was sent (BloomCold).",
  },
};
