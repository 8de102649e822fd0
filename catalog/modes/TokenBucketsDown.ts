import { episode } from "../episode.ts";
import type { DegradationMode } from "../mode.ts";

export const TokenBucketsDown: DegradationMode = {
  id: "TokenBucketsDown",
  title: "Provider token buckets unreachable",
  role: "token_bucket",
  severity: "ticket",
  nature: "cause",
  origin:
    "Without the buckets a worker cannot see how much of an account’s limit is left. Its own circuit breaker, kept in local memory, learns from the 429s, blocks the account and moves on to the next. On recovery the buckets start full.",
  signal: {
    kind: "threshold",
    measure: { metric: "redisops_role_up", where: { role: "token_bucket" } },
    aggregate: "max",
    by: ["role"],
    comparison: "==",
    limit: 0,
  },
  thresholds: {
    for: {
      value: "1m",
      unit: "duration",
      reason: "Outlasts a failover of a cluster shard, which ends within seconds.",
    },
  },
  summary: "Provider token buckets are unreachable: limits are kept by the workers’ circuit breakers alone",
  description:
    "The token buckets do not answer. Sending continues; accounts may be driven over their limit until the breakers have learned it.",
  userImpact: "None or little: some notifications take another account and arrive seconds later.",
  containment:
    "Each worker’s circuit breaker counts 429s in its own memory, blocks the account and routes to the next one.",
  aggravators: [
    "Restarting the workers: their breakers forget what they have learned.",
    "Retrying 429s at once, or adding workers: both raise the overshoot.",
  ],
  normal: 'redisops_role_up{role="token_bucket"} is 1 in every scrape.',
  frequency: "Only when the buckets’ servers are gone as a whole.",
  prevention: "Spread the buckets over a cluster with a replica for each shard.",
  diagnosis: [
    {
      command: "redisops status --role token_bucket",
      branches: [
        { observed: "state “refused”", conclusion: "The process is not running. Start it." },
        {
          observed: "state “timeout”",
          conclusion: "The process hangs. Look at its slow log and CPU before restarting it.",
        },
        {
          observed: "state “ok”, an account stays near 0 tokens between two calls although little is sent",
          conclusion:
            "The bucket came back from a snapshot, or with a clock that had run ahead, and does not refill: run redisops recover token-buckets.",
        },
      ],
    },
  ],
  remedy: {
    kind: "command",
    command: "redisops recover token-buckets",
    first:
      "Start or fail over the buckets’ Redis. A bucket that is missing counts as full; if one came back drained and does not refill, redisops recover token-buckets fills it.",
    proof:
      'redisops_role_up{role="token_bucket"} is 1 again and redisops_token_bucket_tokens rises towards redisops_token_bucket_capacity when little is sent.',
    within: "one scrape after the run ends",
    rollback:
      "None is needed: buckets refill to the same level by themselves within capacity divided by refill rate.",
    whenItFails:
      "Leave the buckets alone: a missing bucket counts as full, and the breakers carry the limit meanwhile.",
  },
  inhibits: ["ProviderThrottled"],
  panels: ["role-up", "role-failures", "token-buckets", "decisions-degraded", "accounts-blocked"],
  scenarios: [
    {
      name: "the buckets go away and come back",
      faults: [episode("redisops_role_up", { role: "token_bucket" }, 1, 0)],
      expect: [
        { at: "2m", firing: [] },
        { at: "3m", firing: [] },
        { at: "5m", firing: ["TokenBucketsDown"] },
        { at: "12m", firing: [] },
      ],
    },
  ],
  example: {
    labels: { role: "token_bucket" },
    summary: "Provider token buckets are unreachable: limits are kept by the workers’ circuit breakers alone",
    description:
      "The token buckets do not answer. Sending continues; accounts may be driven over their limit until the breakers have learned it.",
  },
};
