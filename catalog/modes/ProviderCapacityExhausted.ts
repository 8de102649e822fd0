import type { DegradationMode, FaultSeries } from "../mode.ts";

const role = "token_bucket";
const provider = "twilio";
const accounts = ["main", "backup"];
const workers = ["notification-worker-1:9464", "notification-worker-2:9464"];

/** A series from the tenth minute on for 15 minutes. */
const episodeOf = (
  metric: FaultSeries["metric"],
  labels: FaultSeries["labels"],
  healthy: number,
  faulty: number,
): FaultSeries => ({
  metric,
  labels: { role, provider, ...labels },
  runs: [
    { value: healthy, samples: 10 },
    { value: faulty, samples: 15 },
    { value: healthy, samples: 20 },
  ],
});

const shed = 'redisops_notifications_shed_total{priority!="bulk"}[$window]';
const requests = "redisops_provider_requests_total[$window]";
const throttled = "redisops_provider_throttled_total[$window]";
const asked = `sum by (role, provider) ((rate(${requests}) - (rate(${throttled}) or 0 * rate(${requests}))) or rate(${shed}))`;

export const ProviderCapacityExhausted: DegradationMode = {
  id: "ProviderCapacityExhausted",
  title: "No account of a provider takes notifications",
  role,
  board: "redisops-providers",
  severity: "page",
  nature: "symptom",
  origin:
    "A worker that is refused goes to the provider’s next account, and sheds load when there is none. Shedding bulk is meant to happen; one-time passwords and fraud alerts are what all of this is for.",
  signal: {
    kind: "promql",
    value: `(min by (role, provider) (avg by (role, provider, account) (avg_over_time(redisops_provider_account_blocked[$window]))) > $blocked_ratio) or ((sum by (role, provider) (rate(${shed})) / ${asked} > $shed_ratio) and on (role, provider) (${asked} > $min_rate))`,
    by: ["role", "provider"],
    reason: "every worker has breakers of its own, and a share of what was shed is a ratio of rates",
  },
  thresholds: {
    for: {
      value: "1m",
      unit: "duration",
      reason:
        "The window averages already; workers let critical notifications wait for 2 s, not for minutes.",
    },
    window: {
      value: "5m",
      unit: "duration",
      reason: "As long as the longest block of an account, 5 minutes, so that one is seen to its end.",
    },
    blocked_ratio: {
      value: 0.5,
      unit: "ratio",
      reason:
        "Of the account that is blocked least: then for over half of the time there is nowhere to send to, for a block of five minutes after two and a half.",
    },
    shed_ratio: {
      value: 0.05,
      unit: "ratio",
      reason:
        "One in twenty that are not bulk finds no account. What is less adds up in NotificationsShedBudgetBurn; bulk is shed on purpose and does not count.",
    },
    min_rate: {
      value: 1,
      unit: "per_second",
      reason: "The exporters’ probes alone make about 0.3 requests a second; a share of them says nothing.",
    },
  },
  summary:
    "{{ $labels.provider }} takes no notifications: no account for {{ $value | humanizePercentage }} of them",
  description:
    "Over the last minutes {{ $value | humanizePercentage }} of the notifications for {{ $labels.provider }} that are not bulk found no account, or every account of it was blocked for that share of the time. They are shed: one-time passwords and fraud alerts among them.",
  userImpact:
    "Notifications of the provider’s channel do not arrive, or minutes late when their queue hands them out again. Other channels are not affected.",
  containment:
    "Bulk is shed first, then normal, then high; critical ones wait up to 2 s for the first account that frees up. The queue keeps what was shed and hands it out again.",
  aggravators: [
    "Letting campaigns run on: their retries come back together with what must not wait.",
    "Having the queue hand out again at once what was shed: every try takes a token from a critical one.",
    "Resetting the token buckets: the provider answers 429 all the same and blocks for longer.",
  ],
  normal:
    "redisops_notifications_shed_total with a priority other than bulk stands still, and one account at least has redisops_provider_account_blocked 0.",
  frequency:
    "With a provider’s outage, a suspended contract, or a peak above all its accounts together; a few times a year.",
  prevention:
    "Buy for the peak of what must not wait, with one account to spare, and have a second provider for the channels that carry one-time passwords. Give campaigns the priority bulk, without exception.",
  topologies: {},
  diagnosis: [
    {
      command: "redisops status --role token_bucket",
      shows: [
        "token_bucket  twilio/main … degraded …",
        "token_bucket  twilio/backup … degraded …ProviderThrottled…",
        "token_bucket  sendgrid/main … ok …",
        "  tokens … of 1,000; throttled (429), asks to wait 1 s; …",
      ],
      branches: [
        {
          observed: "all accounts of the provider throttled (429)",
          conclusion:
            "Demand is above what was bought, or the provider lowered it. Stop campaigns at their source now; then ask the provider for more.",
        },
        {
          observed: "all accounts of the provider “credentials rejected”",
          conclusion:
            "The contract was suspended or all keys were revoked. Call the provider; until then another provider has to carry the channel.",
        },
        {
          observed: "PROVIDER_UNAVAILABLE at all accounts",
          conclusion:
            "The provider is away, or our way out to it. Its status page tells; switch the channel to another provider.",
        },
        {
          observed: "accounts ok, tokens below 0 or near 0 although little is sent",
          conclusion:
            "Our own buckets turn notifications away: TokenBucketsDrained, redisops recover token-buckets.",
        },
        {
          observed: "accounts ok, tokens plenty",
          conclusion:
            "Workers keep away though the provider answers: they meet a refusal that only sending meets. Their logs have it; ProviderAccountBlocked has the list of what it may be.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason: "Capacity is the provider’s to give. No command here makes it take a notification.",
    instead:
      "Stop campaigns at their source, so that what is left of the capacity goes to one-time passwords and fraud alerts. Then add capacity: another account in redisops.yaml and in the workers’ configuration, a higher limit, or another provider for the channel.",
    proof:
      "redisops_notifications_shed_total stands still for every priority but bulk, and redisops_provider_account_blocked is 0 at one account at least.",
    within: "five minutes after an account takes notifications again, which is the window",
    rollback: "Let campaigns run again one at a time, when nothing has been shed for the window.",
    whenItFails:
      "If no capacity can be had, tell the product owners which channel is away, let applications offer another one for one-time passwords, and lengthen the queue’s retention, so that what can wait is sent later.",
  },
  drill: { kind: "lab", inject: ["provider-429 --provider twilio"] },
  inhibits: ["ProviderAccountBlocked", "ProviderThrottled", "NotificationsShedBudgetBurn"],
  panels: [
    "accounts-blocked",
    "notifications-held",
    "provider-answers",
    "provider-limit",
    "shed-budget",
    "if-it-dies-token-bucket",
  ],
  scenarios: [
    {
      name: "both accounts of a provider are refused, and taken again",
      faults: [
        ...accounts.flatMap((account) => [
          ...workers.map((instance) =>
            episodeOf("redisops_provider_account_blocked", { account, instance }, 0, 1),
          ),
          episodeOf("redisops_provider_requests_total", { account }, 6_000, 8),
          episodeOf("redisops_provider_throttled_total", { account }, 6, 8),
        ]),
        episodeOf("redisops_notifications_shed_total", { priority: "critical" }, 0, 1_000),
        episodeOf("redisops_notifications_shed_total", { priority: "high" }, 0, 2_000),
        episodeOf("redisops_notifications_shed_total", { priority: "normal" }, 0, 5_000),
        episodeOf("redisops_notifications_shed_total", { priority: "bulk" }, 0, 4_000),
      ],
      expect: [
        { at: "9m", firing: [] },
        { at: "10m", firing: [] },
        {
          at: "20m",
          firing: [
            "NotificationsShedBudgetBurn",
            "ProviderAccountBlocked",
            "ProviderCapacityExhausted",
            "ProviderThrottled",
          ],
        },
        { at: "38m", firing: ["NotificationsShedBudgetBurn"] },
      ],
    },
    {
      name: "the accounts are used up without a block, and more than bulk is shed",
      faults: [episodeOf("redisops_notifications_shed_total", { priority: "normal" }, 0, 1_200)],
      expect: [
        { at: "20m", firing: ["NotificationsShedBudgetBurn", "ProviderCapacityExhausted"] },
        { at: "38m", firing: ["NotificationsShedBudgetBurn"] },
      ],
    },
    {
      name: "a campaign above the capacity: bulk alone is shed",
      faults: [episodeOf("redisops_notifications_shed_total", { priority: "bulk" }, 0, 12_000)],
      expect: [
        { at: "20m", firing: [] },
        { at: "30m", firing: [] },
      ],
    },
    {
      name: "one of two accounts is blocked, the other carries its load",
      faults: workers.map((instance) =>
        episodeOf("redisops_provider_account_blocked", { account: "main", instance }, 0, 1),
      ),
      expect: [{ at: "20m", firing: ["ProviderAccountBlocked"] }],
    },
    {
      name: "a provider that is hardly used sheds one of three",
      faults: [
        ...accounts.flatMap((account) => [
          episodeOf("redisops_provider_requests_total", { account }, 1, 1),
          episodeOf("redisops_provider_throttled_total", { account }, 0, 0),
        ]),
        episodeOf("redisops_notifications_shed_total", { priority: "normal" }, 1, 1),
      ],
      expect: [{ at: "20m", firing: [] }],
    },
  ],
  example: {
    labels: { role, provider },
    summary: "twilio takes no notifications: no account for 100% of them",
    description:
      "Over the last minutes 100% of the notifications for twilio that are not bulk found no account, or every account of it was blocked for that share of the time. They are shed: one-time passwords and fraud alerts among them.",
  },
};
