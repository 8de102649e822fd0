import type { DegradationMode } from "../mode.ts";

const role = "token_bucket";
const main = { role, provider: "twilio", account: "main" } as const;
const workers = ["notification-worker-1:9464", "notification-worker-2:9464"];

/** The account as the given workers have it, from the tenth minute on, for 15 minutes. */
const blockedAt = (instances: readonly string[]) =>
  instances.map((instance) => ({
    metric: "redisops_provider_account_blocked" as const,
    labels: { ...main, instance },
    runs: [
      { value: 0, samples: 10 },
      { value: 1, samples: 15 },
      { value: 0, samples: 20 },
    ],
  }));

export const ProviderAccountBlocked: DegradationMode = {
  id: "ProviderAccountBlocked",
  title: "Workers keep away from a provider’s account",
  role,
  board: "redisops-providers",
  severity: "ticket",
  nature: "cause",
  origin:
    "A worker whose account is refused marks it as blocked, in its own memory, and sends through the next one. That is containment; it also takes the account’s share of the capacity away, 1,000 a second for one of Twilio’s.",
  signal: {
    kind: "promql",
    value: "avg by (role, provider, account) (avg_over_time(redisops_provider_account_blocked[$window]))",
    by: ["role", "provider", "account"],
    compared: { comparison: ">", limit: "blocked_ratio" },
    reason:
      "each worker has a breaker of its own, and a block that comes and goes counts by its share of the time",
  },
  thresholds: {
    for: {
      value: "2m",
      unit: "duration",
      reason: "With the window, a single block as long as the longest one (5 minutes) just shows.",
    },
    window: {
      value: "5m",
      unit: "duration",
      reason: "Workers block an account for 5 minutes at most, whatever the provider’s answer asks for.",
    },
    blocked_ratio: {
      value: 0.5,
      unit: "ratio",
      reason:
        "A breaker that opens for a second after a 429 and closes again is how workers find the limit: a few per cent of their time. Beyond half the account carries less than its neighbours.",
    },
  },
  summary:
    "{{ $labels.provider }} account {{ $labels.account }} is blocked for {{ $value | humanizePercentage }} of the workers’ time",
  description:
    "Over the last minutes the workers kept away from {{ $labels.provider }} account {{ $labels.account }} for {{ $value | humanizePercentage }} of their time, because it answered with 429, 401, 403 or 5xx, or not at all. The provider’s other accounts carry its load.",
  userImpact:
    "None while another account of the provider has room. Otherwise notifications wait, bulk ones first.",
  containment:
    "One request at a time is let through as a probe, every second at first and every 30 s later, or when the provider said that it may; the first success opens the account again.",
  aggravators: [
    "Restarting the workers: their breakers close, and all of them run into the refusal anew, which some providers answer with a longer block.",
    "Taking the other accounts’ limits up so that they carry more: they are blocked next.",
  ],
  normal: "redisops_provider_account_blocked is 0 but for a second here and there.",
  frequency:
    "When credentials expire, an account is suspended or unpaid, a provider has an outage, or a campaign runs at the limit for minutes.",
  prevention:
    "Have two accounts at least for each provider, each big enough for the traffic that must not wait. Renew credentials before they end, and watch redisops_provider_credentials_rejected.",
  topologies: {},
  diagnosis: [
    {
      command: "redisops status --role token_bucket",
      shows: [
        "token_bucket  twilio/main … degraded …",
        "token_bucket  twilio/backup … ok …",
        "  tokens … of 1,000; throttled (429), asks to wait 1 s; …",
      ],
      branches: [
        {
          observed: "“throttled (429)”",
          conclusion:
            "The account is over its limit, with our traffic or somebody else’s. Lower limit_per_second to what the provider grants.",
        },
        {
          observed: "“credentials rejected”",
          conclusion:
            "401 or 403: a key was rotated, revoked or lacks a right. Put the new one into the secret that redisops.yaml and the workers refer to.",
        },
        {
          observed: "PROVIDER_UNAVAILABLE, or no time to an answer",
          conclusion:
            "The provider does not answer us. Look at its status page and at the way out of our network.",
        },
        {
          observed: "the account is ok here",
          conclusion:
            "The refusal is one that only sending meets: a sender that is not verified, a region that is not allowed, a suspended service. The workers’ logs have the provider’s words.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason:
      "Breakers close by themselves with the first request that the provider takes. Closing them by hand would send the refused traffic once more.",
    instead:
      "Mend what the provider complains of: the limit, the credentials, the bill. Where that takes hours, take the account out of redisops.yaml and of the workers’ configuration, so that its share is planned for.",
    proof: "redisops_provider_account_blocked is 0 at all workers.",
    within: "30 s after the provider takes requests again for the breakers, and the window for the alert",
    rollback: "Put the account back as it was; the workers try it with one request first.",
    whenItFails:
      "Send through the provider’s other accounts and shed bulk at its source until they suffice. If none is left ProviderCapacityExhausted pages: use another provider for the channel.",
  },
  drill: { kind: "lab", inject: ["provider-429 --provider twilio --account main"] },
  inhibits: ["ProviderThrottled"],
  panels: [
    "accounts-blocked",
    "provider-answers",
    "provider-throttled",
    "provider-responses",
    "provider-limit",
  ],
  scenarios: [
    {
      name: "an account is refused at all workers, then taken again",
      faults: blockedAt(workers),
      expect: [
        { at: "9m", firing: [] },
        { at: "13m", firing: [] },
        { at: "18m", firing: ["ProviderAccountBlocked"] },
        { at: "32m", firing: [] },
      ],
    },
    {
      name: "one of two workers has trouble of its own",
      faults: blockedAt(workers.slice(0, 1)),
      expect: [
        { at: "18m", firing: [] },
        { at: "24m", firing: [] },
      ],
    },
    {
      name: "a block of two minutes after a 429",
      faults: workers.map((instance) => ({
        metric: "redisops_provider_account_blocked" as const,
        labels: { ...main, instance },
        runs: [
          { value: 0, samples: 10 },
          { value: 1, samples: 2 },
          { value: 0, samples: 20 },
        ],
      })),
      expect: [
        { at: "12m", firing: [] },
        { at: "15m", firing: [] },
      ],
    },
    {
      name: "no worker reports",
      faults: workers.map((instance) => ({
        metric: "redisops_provider_account_blocked" as const,
        labels: { ...main, instance },
        runs: [
          { value: 0, samples: 10 },
          { value: "stale" as const, samples: 20 },
        ],
      })),
      expect: [{ at: "25m", firing: [] }],
    },
  ],
  example: {
    labels: main,
    summary: "twilio account main is blocked for 100% of the workers’ time",
    description:
      "Over the last minutes the workers kept away from twilio account main for 100% of their time, because it answered with 429, 401, 403 or 5xx, or not at all. The provider’s other accounts carry its load.",
  },
};
