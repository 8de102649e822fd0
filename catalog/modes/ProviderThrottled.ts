import type { DegradationMode } from "../mode.ts";
import type { Measure } from "../signal.ts";

const responses = "redisops:provider_responses:rate";

const throttled: Measure = {
  metric: "redisops_provider_throttled_total",
  recorded: { series: responses, where: { code: "429" } },
};
const requests: Measure = { metric: "redisops_provider_requests_total", recorded: { series: responses } };

export const ProviderThrottled: DegradationMode = {
  id: "ProviderThrottled",
  title: "A provider rejects an account’s requests with 429",
  role: "token_bucket",
  board: "redisops-providers",
  severity: "ticket",
  nature: "cause",
  origin:
    "A provider answers 429 when an account exceeds its limit (1,000 a second for a Twilio account). Workers then mark the account as blocked, use the next one, and shed load when none is left.",
  signal: {
    kind: "threshold",
    measure: throttled,
    over: requests,
    rateWindow: "window",
    aggregate: "sum",
    by: ["role", "provider", "account"],
    comparison: ">",
    limit: "throttled_ratio",
    and: {
      kind: "threshold",
      measure: requests,
      rateWindow: "window",
      aggregate: "sum",
      by: ["role", "provider", "account"],
      comparison: ">",
      limit: "min_request_rate",
    },
  },
  thresholds: {
    for: {
      value: "5m",
      unit: "duration",
      reason:
        "A burst of 429s that a breaker answers within seconds is containment at work, not an incident.",
    },
    window: {
      value: "5m",
      unit: "duration",
      reason:
        "Twenty of the exporter’s probes at a 15-second scrape interval, five at a minute; workers add theirs.",
    },
    throttled_ratio: {
      value: 0.05,
      unit: "ratio",
      reason:
        "Breakers that have learned the limit keep 429s under 5 %; more means that the configured limit is wrong.",
    },
    min_request_rate: {
      value: 0.01,
      unit: "per_second",
      reason:
        "Three requests in five minutes. The exporter’s own probes alone are more, also at Prometheus’s default interval of a minute; with fewer there is nothing to judge.",
    },
  },
  summary:
    "{{ $labels.provider }} account {{ $labels.account }} rejects {{ $value | humanizePercentage }} of its requests with 429",
  description:
    "{{ $value | humanizePercentage }} of the counted requests to {{ $labels.provider }} account {{ $labels.account }} (the exporter’s probes, and workers that export our counters or OpenTelemetry’s) were answered with 429. Workers route around it; when every account is blocked, load is shed.",
  userImpact: "Notifications over this account arrive later, or over another account.",
  containment: "Workers block the account for as long as the provider asks and use the next one.",
  aggravators: [
    "Retrying without waiting: the provider counts the retries too.",
    "Refilling the token buckets: it adds a burst to an account that is already over its limit.",
  ],
  normal:
    "redisops_provider_throttled_total rises by less than 1 % of redisops_provider_requests_total, in short bursts: each worker tries again how far it may go.",
  frequency: "During campaigns that reach the account’s limit, or after the provider lowered it.",
  prevention:
    "Keep limit_per_second in redisops.yaml at or below what the provider grants (redisops:provider_limit_drift:ratio is 0), and spread load over accounts.",
  topologies: {
    cluster:
      "The account’s bucket is in one shard. While that shard is away the workers guess the account’s limit, and 429s of this account alone are the price: RedisShardDown.",
  },
  diagnosis: [
    {
      command: "redisops status --role token_bucket",
      shows: [
        "token_bucket  twilio/main … degraded …",
        "token_bucket  twilio/backup … ok …",
        "  tokens … of 1,000; throttled (429), asks to wait 1 s; …",
        "  ProviderThrottled: A provider rejects an account’s requests with 429",
      ],
      branches: [
        {
          observed: "no account throttled",
          conclusion:
            "Workers report the 429s. Where the alert’s account is “unknown”, they are instrumented by OpenTelemetry alone, which does not name it: look at those workers’ logs.",
        },
        {
          observed: "one account throttled, the others ok",
          conclusion:
            "Its limit at the provider is lower than limit_per_second says, or something else uses the same account. Compare with the provider’s console.",
        },
        {
          observed: "all accounts of a provider throttled",
          conclusion:
            "Demand exceeds what was bought. Shed low-priority traffic or ask the provider for more; ProviderCapacityExhausted pages when notifications are lost by it.",
        },
        {
          observed: "“provider grants …/s, configured …/s”",
          conclusion: "The provider tells its limit itself. Set limit_per_second to it.",
        },
        {
          observed: "token buckets unreachable",
          conclusion: "TokenBucketsDown is the cause: precision is lost. Bring the buckets’ Redis back.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason: "The limit is the provider’s. Resetting the token buckets would send one more burst into it.",
    instead: "Lower limit_per_second to what the provider grants, or move traffic to another account.",
    proof:
      "The rate of redisops_provider_throttled_total falls below 5 % of redisops_provider_requests_total, over all processes that report them or are instrumented by OpenTelemetry.",
    within: "the window after the traffic is under the limit",
    rollback: "Restore limit_per_second when the provider confirms the higher limit.",
    whenItFails:
      "If 429s go on below the lowered limit, somebody else spends the account: rotate its credentials, so that only the workers have them. Meanwhile stop low-priority campaigns at their source; one-time passwords and fraud alerts go last.",
  },
  drill: { kind: "lab", inject: ["provider-429 --provider twilio --account main"] },
  inhibits: [],
  panels: [
    "provider-throttled",
    "provider-requests",
    "provider-retry-after",
    "provider-responses",
    "provider-answers",
    "provider-response-time",
    "provider-limit-remaining",
    "provider-limit",
    "provider-limit-drift",
    "accounts-blocked",
    "notifications-held",
  ],
  scenarios: [
    {
      name: "an account is driven over its limit, then traffic falls",
      faults: [
        {
          metric: "redisops_provider_throttled_total",
          labels: { role: "token_bucket", provider: "twilio", account: "main" },
          runs: [
            { value: 6, samples: 10 },
            { value: 1500, samples: 15 },
            { value: 6, samples: 20 },
          ],
        },
      ],
      expect: [
        { at: "9m", firing: [] },
        { at: "12m", firing: [] },
        { at: "20m", firing: ["ProviderThrottled"] },
        { at: "35m", firing: [] },
      ],
    },
    {
      name: "the exporter’s probes alone, once a minute, all answered with 429",
      faults: [
        {
          metric: "redisops_provider_requests_total",
          labels: { role: "token_bucket", provider: "twilio", account: "main" },
          runs: [{ value: 1, samples: 30 }],
        },
        {
          metric: "redisops_provider_throttled_total",
          labels: { role: "token_bucket", provider: "twilio", account: "main" },
          runs: [{ value: 1, samples: 30 }],
        },
      ],
      expect: [{ at: "25m", firing: ["ProviderThrottled"] }],
    },
    {
      name: "an account without traffic",
      faults: [
        {
          metric: "redisops_provider_requests_total",
          labels: { role: "token_bucket", provider: "twilio", account: "main" },
          runs: [{ value: 0, samples: 30 }],
        },
        {
          metric: "redisops_provider_throttled_total",
          labels: { role: "token_bucket", provider: "twilio", account: "main" },
          runs: [{ value: 0, samples: 30 }],
        },
      ],
      expect: [{ at: "25m", firing: [] }],
    },
  ],
  example: {
    labels: { role: "token_bucket", provider: "twilio", account: "main" },
    summary: "twilio account main rejects 25% of its requests with 429",
    description:
      "25% of the counted requests to twilio account main (the exporter’s probes, and workers that export our counters or OpenTelemetry’s) were answered with 429. Workers route around it; when every account is blocked, load is shed.",
  },
};
