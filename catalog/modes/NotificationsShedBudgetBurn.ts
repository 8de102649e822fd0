import type { DegradationMode, FaultSeries } from "../mode.ts";

const role = "token_bucket";
const provider = "twilio";

/** What both accounts of the provider answer: little at night, more than a hundred times as much from the 40th minute on. */
const nightAndDay: readonly FaultSeries[] = ["main", "backup"].flatMap((account) => [
  {
    metric: "redisops_provider_requests_total" as const,
    labels: { role, provider, account },
    runs: [
      { value: 300, samples: 40 },
      { value: 55_000, samples: 50 },
    ],
  },
  {
    metric: "redisops_provider_throttled_total" as const,
    labels: { role, provider, account },
    runs: [{ value: 0, samples: 90 }],
  },
]);

export const NotificationsShedBudgetBurn: DegradationMode = {
  id: "NotificationsShedBudgetBurn",
  title: "Too many notifications find no account",
  role,
  board: "redisops-providers",
  severity: "page",
  nature: "symptom",
  origin:
    "Load is shed when all accounts of a provider are at capacity. That protects the provider’s goodwill and costs notifications; a miss is worse than a duplicate, so their number has a budget.",
  signal: {
    kind: "burn-rate",
    slo: "notifications",
    by: ["role", "provider"],
    objective: "objective",
    minRate: "min_rate",
    reason: "a budget is used up over hours and days",
  },
  thresholds: {
    for: {
      value: "2m",
      unit: "duration",
      reason: "The short window decides already; two minutes let a restarted Prometheus see it whole.",
    },
    objective: {
      value: 0.999,
      unit: "ratio",
      reason:
        "Of a thousand notifications that are not bulk one may find no account at first: it is handed out again seconds later. A Twilio account at its 1,000 a second sends 86 million a day; a thousandth of that is 86,000.",
    },
    min_rate: {
      value: 1,
      unit: "per_second",
      reason:
        "The exporters’ probes alone make about 0.3 a second. From 1 a second on 52 shed notifications in an hour page, below it single ones would.",
    },
  },
  summary:
    "{{ $value | humanizePercentage }} of the notifications for {{ $labels.provider }} found no account: the budget burns",
  description:
    "{{ $value | humanizePercentage }} of the notifications for {{ $labels.provider }} that are not bulk were shed over the alert’s longer window, more than their budget allows. Each of them was late, or lost where its queue gives up.",
  userImpact:
    "Some notifications of the provider’s channel arrive late, those whose queue gives up not at all. Most arrive in time.",
  containment:
    "Bulk is shed before anything else and does not count here; critical notifications wait up to 2 s before they are shed; the queue hands out again what was.",
  aggravators: [
    "Raising limit_per_second above what the provider grants: 429s and blocks follow, and more is shed.",
    "Calling campaigns anything but bulk: they then compete with what must not wait.",
    "Moving more traffic from another provider over to this one.",
  ],
  normal: "redisops_notifications_shed_total with a priority other than bulk stands still for days.",
  frequency:
    "The page with a provider’s trouble, a few times a year; the ticket when traffic has outgrown what was bought, weeks before that becomes an incident.",
  prevention:
    "Look at the budget once a month and buy capacity when half of it is gone. Two accounts for each provider, campaigns as bulk.",
  topologies: {},
  diagnosis: [
    {
      command: "redisops status --role token_bucket",
      shows: [
        "token_bucket  twilio/main … degraded …",
        "token_bucket  twilio/backup … degraded …ProviderThrottled…",
        "token_bucket  sendgrid/main … ok …",
      ],
      branches: [
        {
          observed: "all accounts of the provider throttled or rejected",
          conclusion: "It happens now: go on with ProviderCapacityExhausted.",
        },
        {
          observed: "one account throttled or rejected",
          conclusion: "The rest cannot carry the peaks. Bring it back as ProviderAccountBlocked says.",
        },
        {
          observed: "accounts ok, tokens near 0 at the time of the peaks",
          conclusion:
            "Traffic has outgrown what was bought. Compare the peaks of redisops_provider_requests_total with the limits and buy more, or spread campaigns over the day.",
        },
        {
          observed: "accounts ok, tokens full",
          conclusion:
            "It is over, and the budget is spent. Find out when it was on the providers’ board, and what was sent then.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason: "What is short is the provider’s capacity, or somebody has to send less.",
    instead:
      "For a page stop campaigns at their source and free an account (ProviderAccountBlocked). For a ticket raise the limits with the provider, add an account, or spread campaigns over the day.",
    proof:
      "redisops_notifications_shed_total stands still for every priority but bulk; the page ends with the alert’s short windows.",
    within:
      "five minutes for a fast burn, 30 minutes for a slower one; the tickets’ short windows are 2 and 6 hours",
    rollback: "Let campaigns run again one at a time, while redisops_notifications_shed_total stands still.",
    whenItFails:
      "Use another provider for a part of the channel. Where there is none, agree with the product owners which notifications are given up first, and give those the priority bulk.",
  },
  drill: {
    kind: "lab",
    inject: ["provider-429 --provider twilio"],
    limits:
      "the ticket takes hours, and fires on the page’s data as well in a lab that is younger than its windows",
  },
  inhibits: [],
  panels: ["shed-budget", "notifications-held", "accounts-blocked", "provider-answers"],
  scenarios: [
    {
      name: "a quarter of an hour in which every twentieth is shed, at night, and the day’s traffic after it",
      faults: [
        ...nightAndDay,
        {
          metric: "redisops_notifications_shed_total",
          labels: { role, provider, priority: "high" },
          runs: [
            { value: 0, samples: 10 },
            { value: 30, samples: 15 },
            { value: 0, samples: 65 },
          ],
        },
      ],
      expect: [
        { at: "9m", firing: [] },
        { at: "12m", firing: [] },
        { at: "22m", firing: ["NotificationsShedBudgetBurn:page"] },
        { at: "75m", firing: [] },
      ],
    },
    {
      name: "one in 250 is shed all the time: a ticket",
      faults: [
        {
          metric: "redisops_notifications_shed_total",
          labels: { role, provider, priority: "normal" },
          runs: [{ value: 48, samples: 90 }],
        },
      ],
      expect: [{ at: "80m", firing: ["NotificationsShedBudgetBurn:ticket"] }],
    },
    {
      name: "one in 2,000 is shed: within the budget",
      faults: [
        {
          metric: "redisops_notifications_shed_total",
          labels: { role, provider, priority: "normal" },
          runs: [{ value: 6, samples: 90 }],
        },
      ],
      expect: [{ at: "80m", firing: [] }],
    },
    {
      name: "a campaign above the capacity: bulk alone is shed",
      faults: [
        {
          metric: "redisops_notifications_shed_total",
          labels: { role, provider, priority: "bulk" },
          runs: [{ value: 12_000, samples: 90 }],
        },
      ],
      expect: [{ at: "80m", firing: [] }],
    },
    {
      name: "hardly any traffic, and half of it is shed",
      faults: [
        ...["main", "backup"].flatMap((account) => [
          {
            metric: "redisops_provider_requests_total" as const,
            labels: { role, provider, account },
            runs: [{ value: 2, samples: 90 }],
          },
          {
            metric: "redisops_provider_throttled_total" as const,
            labels: { role, provider, account },
            runs: [{ value: 0, samples: 90 }],
          },
        ]),
        {
          metric: "redisops_notifications_shed_total",
          labels: { role, provider, priority: "high" },
          runs: [{ value: 4, samples: 90 }],
        },
      ],
      expect: [{ at: "80m", firing: [] }],
    },
  ],
  example: {
    labels: { role, provider },
    summary: "2.748% of the notifications for twilio found no account: the budget burns",
    description:
      "2.748% of the notifications for twilio that are not bulk were shed over the alert’s longer window, more than their budget allows. Each of them was late, or lost where its queue gives up.",
  },
};
