import type { DegradationMode, FaultSeries } from "../mode.ts";

const role = { role: "dedup" } as const;

/** Decisions of the filter that a fallback makes per minute, out of 60,000: so many from the given minute on. */
const degraded = (from: number, minutes: number, each: number): FaultSeries => ({
  metric: "redisops_decisions_degraded_total",
  labels: { ...role, fallback: "skip_dedup" },
  runs: [
    { value: 0, samples: from },
    { value: each, samples: minutes },
    { value: 0, samples: 90 - from - minutes },
  ],
});

export const DegradedDecisionsBudgetBurn: DegradationMode = {
  id: "DegradedDecisionsBudgetBurn",
  title: "Too many of a role’s decisions are made without its Redis",
  role: "any",
  board: "redisops-overview",
  severity: "page",
  nature: "symptom",
  origin:
    "Each fallback is right for a short outage: a limit that is not enforced for a moment, ids by timestamp, a few duplicates. None is meant as the normal state, and outages that are each too short for an alert add up to one.",
  signal: {
    kind: "burn-rate",
    slo: "decisions",
    by: ["role"],
    objective: "objective",
    minRate: "min_rate",
    reason: "How much of a month’s budget is used up shows over hours and days, over all processes together.",
  },
  thresholds: {
    for: {
      value: "2m",
      unit: "duration",
      reason: "Two evaluations a minute apart; the two windows have waited long enough already.",
    },
    objective: {
      value: 0.99,
      unit: "ratio",
      reason:
        "One decision in a hundred may be degraded: 7.2 h a month without a role. A total outage pages by this after nine minutes, when the role’s own page is at least four minutes old; with 0.999 it would come first, after one minute.",
    },
    min_rate: {
      value: 1,
      unit: "per_second",
      reason: "3,600 decisions in the hour. Below that some tens of a test at night would page.",
    },
  },
  summary:
    "{{ $labels.role }} decides too often without its Redis: {{ $value | humanizePercentage }} of the decisions",
  description:
    "{{ $value | humanizePercentage }} of the decisions about {{ $labels.role }} were made by a fallback, over the longer of the two windows that both burn the month’s budget of 1% too fast. As a page: 14.4 times too fast over an hour, or 6 times over six hours. As a ticket: 3 times over a day, or as fast as it lasts over three days.",
  userImpact:
    "For that share, what the role’s fallback gives up: late messages (registry), no limit (rate_limit), order by timestamp (sequence), slower or assumed preferences (preferences), duplicates (dedup), accounts nearer to their limit (token_bucket).",
  containment: "The fallbacks go on, and nobody’s message is held back. This measures what that costs.",
  aggravators: [
    "Restarting application processes to “reset” them: each begins with connections that are not open yet, and decides without Redis until they are.",
    "Shorter deadlines in the applications: slow answers turn into degraded decisions.",
    "Raising the objective’s budget to end the alert: the users feel the same.",
  ],
  normal:
    "redisops_decisions_degraded_total grows by less than 1% of redisops_decisions_total; on a healthy lab by nothing.",
  frequency:
    "As a page in an outage that no other page names, a slow Redis for example. As a ticket after several short outages in a few days.",
  prevention:
    "Look at what the short outages have in common (deployments, snapshots, one host) before the next one; each has left its mark on the board.",
  topologies: {
    sentinel: "A failover costs some seconds of degraded decisions: 0.01% of a day’s.",
    cluster:
      "One lost shard of six degrades 17% of the decisions and burns 17 times too fast: RedisClusterSlotsUncovered pages long before and silences this.",
  },
  diagnosis: [
    {
      command: "redisops status",
      shows: ["rate_limit  127.0.0.1:…", "  answers in … ms; counters without a lifetime …"],
      branches: [
        {
          observed: "the role’s state is “refused”, “timeout” or “degraded”",
          conclusion: "The mode that the row names is the cause: follow its page, and this ends by itself.",
        },
        {
          observed: "state “ok”, “answers in” some hundred milliseconds",
          conclusion: "Redis is too slow for the applications’ deadlines. RedisErrorRateHigh has the steps.",
        },
        {
          observed: "state “ok”, “answers in” a few milliseconds",
          conclusion:
            "Redis is well. Look at the board by job and instance: one process that decides alone has lost its connection, its credentials or its CPU; restart that one.",
        },
        {
          observed: "preferences with fallback “postgres” alone",
          conclusion:
            "Readers find no entry that they may believe: the feed of changes stands still (PreferencesStale), or the cache is away for the workers only.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason:
      "A budget is not repaired: the cause has its own page, and what was spent comes back as the days go by.",
    instead: "End the cause that status or the board names. For a ticket: find what the short outages share.",
    proof:
      "redisops:slo_errors:ratio of the short window falls below the factor: 5 minutes for the fast page, 30 minutes for the slow one.",
    within: "the short window after the last degraded decision",
    rollback: "Nothing was changed by redisops.",
    whenItFails:
      "If no cause is found and the share stays, halve the search: compare processes, then shards, then hours. The fallbacks carry the platform meanwhile; for preferences watch PostgresPoolSaturated.",
  },
  drill: {
    kind: "lab",
    inject: ["slow --role rate_limit"],
    limits:
      "The page needs the share over an hour: a drill of minutes shows the share on the board, not the alert.",
  },
  inhibits: [],
  panels: ["decisions-budget", "decisions-degraded", "decisions", "breakers-open"],
  scenarios: [
    {
      name: "two fifths of the filter’s decisions are made without it for half an hour",
      faults: [degraded(20, 30, 24_000)],
      expect: [
        { at: "19m", firing: [] },
        { at: "21m", firing: [] },
        {
          at: "45m",
          firing: ["DegradedDecisionsBudgetBurn:page", "DegradedDecisionsBudgetBurn:ticket"],
        },
        { at: "7h", firing: [] },
      ],
    },
    {
      name: "a failover: half a minute of decisions without the filter",
      faults: [degraded(80, 1, 30_000)],
      expect: [
        { at: "81m", firing: [] },
        { at: "84m", firing: [] },
        { at: "88m", firing: [] },
      ],
    },
    {
      name: "one decision in two hundred, all the time",
      faults: [degraded(0, 90, 300)],
      expect: [
        { at: "30m", firing: [] },
        { at: "89m", firing: [] },
      ],
    },
    {
      name: "every decision is degraded, of one in two seconds",
      faults: [
        {
          metric: "redisops_decisions_total",
          labels: role,
          runs: [{ value: 30, samples: 90 }],
        },
        degraded(0, 90, 30),
      ],
      expect: [{ at: "60m", firing: [] }],
    },
  ],
  example: {
    labels: { role: "dedup" },
    summary: "dedup decides too often without its Redis: 23.11% of the decisions",
    description:
      "23.11% of the decisions about dedup were made by a fallback, over the longer of the two windows that both burn the month’s budget of 1% too fast. As a page: 14.4 times too fast over an hour, or 6 times over six hours. As a ticket: 3 times over a day, or as fast as it lasts over three days.",
  },
};
