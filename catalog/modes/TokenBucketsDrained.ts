import type { DegradationMode } from "../mode.ts";

const role = "token_bucket";
const main = { role, provider: "twilio", account: "main" } as const;

export const TokenBucketsDrained: DegradationMode = {
  id: "TokenBucketsDrained",
  title: "A token bucket is empty although its account is idle",
  role,
  board: "redisops-token-buckets",
  severity: "ticket",
  nature: "cause",
  origin:
    "After an outage the buckets are full, and workers send at once within the limits. A bucket that comes back owing tokens does the opposite: it turns notifications away from an account that has room.",
  signal: {
    kind: "promql",
    value:
      "clamp_min(max by (role, provider, account) (redisops_token_bucket_tokens) / max by (role, provider, account) (redisops_token_bucket_capacity), 0)",
    by: ["role", "provider", "account"],
    compared: { comparison: "<", limit: "empty_ratio" },
    and: "(sum by (role, provider, account) (rate(redisops_provider_requests_total[$window])) / max by (role, provider, account) (redisops_token_bucket_refill_per_second) < $used_ratio) and on (role, provider) (sum by (role, provider) (rate(redisops_notifications_shed_total[$window])) > 0)",
    reason:
      "an empty bucket is right where its account is in full use: that takes the rate of requests, and of what is shed",
  },
  thresholds: {
    for: {
      value: "5m",
      unit: "duration",
      reason:
        "A bucket of one second’s worth refills within a second once little is taken; one that is empty for five minutes does not refill.",
    },
    window: {
      value: "5m",
      unit: "duration",
      reason: "Four scrapes also where Prometheus scrapes once a minute.",
    },
    empty_ratio: {
      value: 0.05,
      unit: "ratio",
      reason: "Only critical notifications are granted the last 5 % of a bucket.",
    },
    used_ratio: {
      value: 0.5,
      unit: "ratio",
      reason:
        "An empty bucket grants what it gains, so an account that is truly at its limit shows nearly 1. Half leaves room for several exporters that see it at different moments.",
    },
  },
  summary:
    "The bucket of {{ $labels.provider }} account {{ $labels.account }} is empty although the account is hardly used",
  description:
    "The bucket of {{ $labels.provider }} account {{ $labels.account }} holds {{ $value | humanizePercentage }} of its tokens, the account gets less than half of the requests that it may have, and notifications are shed: the bucket does not refill.",
  userImpact:
    "Notifications take another account, or are shed though the provider would take them; bulk first, one-time passwords last.",
  containment: "Workers go on to the provider’s next account, whose bucket may be well.",
  aggravators: [
    "Deploying other limits meanwhile: the bucket’s shape changes and hides why it is empty.",
    "Stopping the workers until it has refilled: a bucket that owes ten minutes’ worth takes ten minutes either way.",
  ],
  normal: "redisops_token_bucket_tokens is near redisops_token_bucket_capacity while little is sent.",
  frequency:
    "When another program writes the buckets’ keys, a snapshot with a clock that ran ahead is loaded, or somebody edits them; expect none in a year.",
  prevention:
    "Let the workers alone write the buckets, with the library’s script or one that never goes below 0, and keep the servers’ clocks in step. Buckets need no persistence.",
  topologies: {
    cluster:
      "Accounts in the same shard as an empty bucket are the next to look at: they share its server’s clock.",
  },
  diagnosis: [
    {
      command: "redisops status --role token_bucket",
      shows: ["token_bucket  twilio/main", "  tokens -… of 1,000;…"],
      branches: [
        {
          observed: "tokens below 0",
          conclusion:
            "Another program took more than there was, or loaned some out. Find it by CLIENT LIST on the shard, stop it, then run redisops recover token-buckets.",
        },
        {
          observed: "few tokens, the same number in two calls",
          conclusion:
            "The bucket’s time lies in the future. Compare the servers’ clocks, then run redisops recover token-buckets.",
        },
        {
          observed: "tokens rise between two calls",
          conclusion: "It refills. Calculate from the two calls when it is full; a reset saves that time.",
        },
        {
          observed: "the account is throttled (429)",
          conclusion:
            "The provider refuses it anyway: leave the bucket as it is, a full one would send a burst into the limit.",
        },
      ],
    },
    {
      command: "redisops recover token-buckets",
      shows: [
        "  twilio/main      -… of 1,000 tokens",
        "  1. set twilio/main to 1,000 tokens",
        "Nothing was changed. To carry it out: redisops recover token-buckets --execute…",
      ],
      branches: [
        {
          observed: "only the accounts of the alert are to be set",
          conclusion: "Run it again with --execute.",
        },
        {
          observed: "accounts that are in use are to be set as well",
          conclusion:
            "Each of them may send one burst more than its limit: expect up to that many 429s, or let the buckets rise slowly with --ramp 1m.",
        },
      ],
    },
  ],
  remedy: {
    kind: "command",
    command: "redisops recover token-buckets",
    planShows: [
      "  twilio/main      -… of 1,000 tokens",
      "Steps",
      "  1. set twilio/main to 1,000 tokens",
      "Nothing was changed. To carry it out: redisops recover token-buckets --execute…",
    ],
    executeShows: ["Done in … s. Verification holds:", "  twilio/main      … of 1,000 tokens"],
    proof:
      "redisops_token_bucket_tokens rises to redisops_token_bucket_capacity, and redisops_notifications_shed_total stands still.",
    within: "one scrape after the run ends",
    rollback:
      "None is needed: buckets find their level within capacity divided by refill rate, a second by default.",
    whenItFails:
      "Delete the bucket’s key: a missing bucket is a full one. If it is empty again at once, somebody else writes it: take the key pattern away from them (ACL), or move roles.token_bucket.key to another one and deploy the workers.",
  },
  drill: {
    kind: "lab",
    inject: ["drain-buckets"],
    alsoFires: {
      NotificationsShedBudgetBurn: "What the empty buckets turn away is shed.",
      ProviderCapacityExhausted: "Every account’s bucket is drained.",
    },
    limits: "redisops status shows the tokens and names no mode: the rates that it takes are Prometheus’s.",
  },
  inhibits: [],
  panels: ["token-buckets", "provider-limit", "notifications-held", "shed-budget"],
  scenarios: [
    {
      name: "a bucket owes ten minutes’ worth and is filled",
      faults: [
        {
          metric: "redisops_token_bucket_tokens",
          labels: main,
          runs: [
            { value: 980, samples: 10 },
            { value: -500_000, samples: 15 },
            { value: 980, samples: 20 },
          ],
        },
        {
          metric: "redisops_provider_requests_total",
          labels: main,
          runs: [
            { value: 6_000, samples: 10 },
            { value: 8, samples: 15 },
            { value: 6_000, samples: 20 },
          ],
        },
        {
          metric: "redisops_provider_throttled_total",
          labels: main,
          runs: [
            { value: 6, samples: 10 },
            { value: 0, samples: 15 },
            { value: 6, samples: 20 },
          ],
        },
        {
          metric: "redisops_notifications_shed_total",
          labels: { role, provider: "twilio", priority: "bulk" },
          runs: [
            { value: 0, samples: 10 },
            { value: 300, samples: 15 },
            { value: 0, samples: 20 },
          ],
        },
      ],
      expect: [
        { at: "9m", firing: [] },
        { at: "13m", firing: [] },
        { at: "20m", firing: ["TokenBucketsDrained"] },
        { at: "30m", firing: [] },
      ],
    },
    {
      name: "an account at its limit: its bucket is empty because it is used",
      faults: [
        {
          metric: "redisops_token_bucket_tokens",
          labels: main,
          runs: [{ value: 3, samples: 40 }],
        },
        {
          metric: "redisops_provider_requests_total",
          labels: main,
          runs: [{ value: 59_000, samples: 40 }],
        },
        {
          metric: "redisops_notifications_shed_total",
          labels: { role, provider: "twilio", priority: "bulk" },
          runs: [{ value: 300, samples: 40 }],
        },
      ],
      expect: [
        { at: "20m", firing: [] },
        { at: "35m", firing: [] },
      ],
    },
    {
      name: "an empty bucket that nobody asks for",
      faults: [
        {
          metric: "redisops_token_bucket_tokens",
          labels: main,
          runs: [{ value: -500_000, samples: 40 }],
        },
        {
          metric: "redisops_provider_requests_total",
          labels: main,
          runs: [{ value: 8, samples: 40 }],
        },
        { metric: "redisops_provider_throttled_total", labels: main, runs: [{ value: 0, samples: 40 }] },
      ],
      expect: [{ at: "30m", firing: [] }],
    },
  ],
  example: {
    labels: main,
    summary: "The bucket of twilio account main is empty although the account is hardly used",
    description:
      "The bucket of twilio account main holds 0% of its tokens, the account gets less than half of the requests that it may have, and notifications are shed: the bucket does not refill.",
  },
};
