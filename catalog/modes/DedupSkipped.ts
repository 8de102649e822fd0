import { episode } from "../episode.ts";
import type { DegradationMode } from "../mode.ts";

export const DedupSkipped: DegradationMode = {
  id: "DedupSkipped",
  title: "Deduplication filter unusable",
  role: "dedup",
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
    },
  },
  thresholds: {
    for: {
      value: "1m",
      unit: "duration",
      reason: "Outlasts a Sentinel promotion of the filter’s replica, which ends within seconds.",
    },
  },
  summary: "Deduplication filter cannot be used: duplicates are being accepted",
  description:
    "The filter’s server does not answer, refuses writes, or has no usable filter. Every notification is sent without a duplicate check; when the filter is back, check whether it still knows what was sent (BloomCold).",
  userImpact: "Some people receive the same notification more than once. Nobody misses one.",
  containment: "Workers skip the check and send. Delivery is never held back for the filter.",
  aggravators: [
    "Pausing the workers until the filter is back: time-sensitive notifications would be missed.",
    "Replaying queues or retrying failed batches during the outage: every replay is delivered.",
  ],
  normal: 'redisops_role_up{role="dedup"} and redisops_bloom_readable are 1 in every scrape.',
  frequency:
    "Only when the filter’s server and its replica are both gone, or the server was exchanged or filled up; expect none in a normal month.",
  prevention:
    "Keep a replica and three Sentinels for the filter; enable persistence so that a restart does not come back empty.",
  diagnosis: [
    {
      command: "redisops status --role dedup",
      branches: [
        {
          observed: "state “refused”",
          conclusion: "The process is not running. Start it; then look at BloomCold.",
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
            "MISCONF: a snapshot could not be saved, free disk space. NOREPLICAS: too few replicas are attached, bring one back. Until then sent ids are not remembered.",
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
      "Only a server that answers, accepts writes and knows the filter’s commands ends this mode. Duplicates sent meanwhile cannot be taken back.",
    instead:
      "Start, fail over or mend the filter’s Redis. If it comes back empty, BloomCold follows: run redisops recover bloom.",
    proof:
      'redisops_role_up{role="dedup"} and redisops_bloom_readable are 1 again and redisops_bloom_canary_absent_ratio is 0.',
    within: "one scrape after the server answers",
    rollback: "Nothing was changed by redisops.",
    whenItFails:
      "Start a new empty server under the same address and rebuild the filter with redisops recover bloom.",
  },
  inhibits: ["BloomCold", "BloomSaturated"],
  panels: [
    "role-up",
    "role-failures",
    "role-response",
    "bloom-readable",
    "decisions-degraded",
    "notifications-held",
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
      name: "another role’s server goes away",
      faults: [
        {
          metric: "redisops_role_up",
          labels: { role: "preferences" },
          runs: [{ value: 0, samples: 20 }],
        },
      ],
      expect: [{ at: "10m", firing: [] }],
    },
  ],
  example: {
    labels: { role: "dedup" },
    summary: "Deduplication filter cannot be used: duplicates are being accepted",
    description:
      "The filter’s server does not answer, refuses writes, or has no usable filter. Every notification is sent without a duplicate check; when the filter is back, check whether it still knows what was sent (BloomCold).",
  },
};
