import { episode } from "../episode.ts";
import type { DegradationMode } from "../mode.ts";

export const TokenBucketsDown: DegradationMode = {
  id: "TokenBucketsDown",
  title: "Provider token buckets unreachable",
  role: "token_bucket",
  board: "redisops-token-buckets",
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
    // The exporter may reach buckets that the workers do not.
    or: {
      kind: "threshold",
      measure: {
        metric: "redisops_decisions_degraded_total",
        where: { role: "token_bucket", fallback: "breaker_only" },
      },
      over: { metric: "redisops_decisions_total", where: { role: "token_bucket" } },
      rateWindow: "window",
      aggregate: "sum",
      by: ["role"],
      comparison: ">",
      limit: "fallback_ratio",
      and: {
        kind: "threshold",
        measure: { metric: "redisops_decisions_total", where: { role: "token_bucket" } },
        rateWindow: "window",
        aggregate: "sum",
        by: ["role"],
        comparison: ">",
        limit: "min_decision_rate",
      },
    },
  },
  thresholds: {
    for: {
      value: "1m",
      unit: "duration",
      reason:
        "Four scrapes of 15 s. The breakers need about as long to learn an account’s limit, so nobody is helped by knowing sooner.",
    },
    window: {
      value: "5m",
      unit: "duration",
      reason: "Four scrapes also where Prometheus scrapes once a minute.",
    },
    fallback_ratio: {
      value: 0.5,
      unit: "ratio",
      reason:
        "A dead shard takes its accounts’ buckets along, a few of many; RedisShardDown has it. When more than half is sent without a bucket the limits as a whole are the workers’ guess.",
    },
    min_decision_rate: {
      value: 1,
      unit: "per_second",
      reason: "Below 300 decisions in the window a handful that timed out make a large share.",
    },
  },
  summary: "Provider token buckets are unreachable: limits are kept by the workers’ circuit breakers alone",
  description:
    "{{ if eq $value 0.0 }}The token buckets do not answer: 100% of the sends go out{{ else }}The buckets answer redisops and not the workers: {{ $value | humanizePercentage }} of the sends go out{{ end }} without a token. Accounts may be driven over their limit until the breakers have learned it.",
  userImpact: "None or little: some notifications take another account and arrive seconds later.",
  containment:
    "Each worker’s circuit breaker, in its own memory, counts 429s, blocks the account and routes to the next one; after each 429 the worker allows itself 0.7 of what it just achieved and climbs slowly. When all accounts are blocked bulk is shed first, critical last.",
  aggravators: [
    "Restarting the workers: their breakers forget what they have learned, and each begins with the account’s whole limit.",
    "Retrying 429s at once, or adding workers: both raise the overshoot.",
    "Starting a campaign: 50 workers that each believe they have a Twilio account’s 1,000 a second to themselves.",
  ],
  normal:
    'redisops_role_up{role="token_bucket"} is 1 in every scrape, and redisops_decisions_degraded_total{role="token_bucket",fallback="breaker_only"} stands still.',
  frequency: "Only when the buckets’ servers are gone as a whole; not in a normal year.",
  prevention:
    "Spread the buckets over a cluster with a replica for each shard. Where they share the cluster of the preferences both are lost together: give them servers of their own if that matters.",
  topologies: {
    standalone: "A restart of the one server is this mode; the buckets are full afterwards.",
    cluster:
      "An account’s bucket is in one shard. With one shard of six dead, its accounts are sent to by the breakers alone, the others keep their buckets; this alert then stays silent.",
  },
  diagnosis: [
    {
      command: "redisops status --role token_bucket",
      shows: [
        "token_bucket  Cluster at … refused …TokenBucketsDown…",
        "token_bucket  twilio/main … ok …",
        "  … does not answer; … does not answer; and 10 more servers do not answer…",
        "  TokenBucketsDown: Provider token buckets unreachable",
      ],
      branches: [
        {
          observed: "state “refused”",
          conclusion: "No process is running. Start the servers; empty ones will do.",
        },
        {
          observed: "state “timeout”",
          conclusion: "They hang. Look at their slow log and CPU before restarting them.",
        },
        {
          observed: "state “ok”, and the alert gives a share",
          conclusion:
            "Only the workers lack the buckets. Compare their address, credentials and network with roles.token_bucket in redisops.yaml.",
        },
        {
          observed: "the buckets are back, and an account has few tokens although little is sent",
          conclusion:
            "It does not refill: redisops recover token-buckets fills it; TokenBucketsDrained has the details.",
        },
        {
          observed: "accounts throttled",
          conclusion:
            "The breakers are at work. As long as one account of each provider is not, everything is sent.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason:
      "A bucket that is missing counts as full, and the first take writes it: with the servers the precision is back, without a command.",
    instead:
      "Start or fail over the buckets’ Redis. Expect one burst for each account, its capacity, on top of what the provider has counted in its current window: a few 429s, which the breakers take.",
    proof:
      'redisops_role_up{role="token_bucket"} is 1 again and redisops_decisions_degraded_total{role="token_bucket",fallback="breaker_only"} stands still.',
    within:
      "one scrape after the servers answer; where the workers’ share fired it, five minutes, which is the window",
    rollback: "Nothing was changed by redisops.",
    whenItFails:
      "Leave it for the morning: the breakers carry the limits. If providers complain, divide limit_per_second by the number of workers in their configuration and deploy that, so that together they stay within the account’s limit.",
  },
  drill: {
    kind: "lab",
    inject: ["kill-all --role token_bucket"],
    alsoFires: {
      NotificationsShedBudgetBurn: "Without buckets workers keep to the limits that they have learned.",
      PreferencesCacheDown: "The lab has both roles in one cluster.",
      DegradedDecisionsBudgetBurn: "The breaker decides in the buckets’ place; a ticket silences no page.",
    },
  },
  inhibits: [
    "ProviderThrottled",
    "RedisDown",
    "RedisHung",
    "RedisErrorRateHigh",
    "RedisShardDown",
    "ProbeFailing",
  ],
  panels: [
    "role-up",
    "role-failures",
    "token-buckets",
    "decisions-by-fallback-token-bucket",
    "accounts-blocked",
    "if-it-dies-token-bucket",
  ],
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
    {
      name: "the exporter reaches the buckets, the workers do not",
      faults: [
        {
          metric: "redisops_decisions_degraded_total",
          labels: { role: "token_bucket", fallback: "breaker_only" },
          runs: [
            { value: 0, samples: 10 },
            { value: 24_000, samples: 10 },
            { value: 0, samples: 20 },
          ],
        },
      ],
      expect: [
        { at: "9m", firing: [] },
        { at: "18m", firing: ["DegradedDecisionsBudgetBurn", "TokenBucketsDown"] },
        { at: "30m", firing: ["DegradedDecisionsBudgetBurn"] },
      ],
    },
    {
      name: "a failover that one scrape meets",
      faults: [
        {
          metric: "redisops_role_up",
          labels: { role: "token_bucket" },
          runs: [
            { value: 1, samples: 3 },
            { value: 0, samples: 1 },
            { value: 1, samples: 10 },
          ],
        },
      ],
      expect: [
        { at: "3m", firing: [] },
        { at: "5m", firing: [] },
      ],
    },
  ],
  example: {
    labels: { role: "token_bucket" },
    summary: "Provider token buckets are unreachable: limits are kept by the workers’ circuit breakers alone",
    description:
      "The token buckets do not answer: 100% of the sends go out without a token. Accounts may be driven over their limit until the breakers have learned it.",
  },
};
