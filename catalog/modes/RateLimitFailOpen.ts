import type { DegradationMode } from "../mode.ts";

const role = "rate_limit";
const rateLimit = { role } as const;
const failOpen = { role, fallback: "fail_open" } as const;

export const RateLimitFailOpen: DegradationMode = {
  id: "RateLimitFailOpen",
  title: "Messages pass without a rate limit",
  role,
  board: "redisops-rate-limit",
  severity: "page",
  nature: "symptom",
  origin:
    "The limit of 10 messages a second is one counter per user with a lifetime of a second. When it cannot be incremented the message passes as if the limit had not been reached: refusing would stop everybody’s messages, and passing only lets a few people send too much, which is acceptable for a short time.",
  signal: {
    kind: "threshold",
    measure: { metric: "redisops_decisions_degraded_total", where: failOpen },
    over: { metric: "redisops_decisions_total", where: rateLimit },
    rateWindow: "window",
    aggregate: "sum",
    by: ["role"],
    comparison: ">",
    limit: "unchecked_ratio",
    and: {
      kind: "threshold",
      measure: { metric: "redisops_decisions_total", where: rateLimit },
      rateWindow: "window",
      aggregate: "sum",
      by: ["role"],
      comparison: ">",
      limit: "min_decision_rate",
    },
    // For platforms whose applications report nothing.
    or: {
      kind: "threshold",
      measure: { metric: "redisops_role_up", where: rateLimit },
      aggregate: "max",
      by: ["role"],
      comparison: "==",
      limit: 0,
    },
  },
  thresholds: {
    for: {
      value: "5m",
      unit: "duration",
      reason:
        "For a short outage the missing limit is the accepted price, and this small server is usually back at once. Five minutes are 3,000 messages of a sender who keeps to the limit, and any number of one who does not.",
    },
    window: {
      value: "5m",
      unit: "duration",
      reason: "Four scrapes also where Prometheus scrapes once a minute.",
    },
    unchecked_ratio: {
      value: 0.5,
      unit: "ratio",
      reason:
        "While every second check works, nobody can send more than about twice the limit. And at half of its window the share is over the limit for just as long as a complete outage lasts, so that “for” counts the outage’s own minutes.",
    },
    min_decision_rate: {
      value: 1,
      unit: "per_second",
      reason: "Below 300 checks in the window the first ones of a process that has just started decide.",
    },
  },
  summary: "Messages pass without a rate limit",
  description:
    "{{ if eq $value 0.0 }}The rate counters’ server takes no write: 100% of the messages pass unchecked.{{ else }}{{ $value | humanizePercentage }} of the rate checks got no answer from the counters, and those messages passed unchecked.{{ end }} Whoever wants to send without a limit can do so until the counters are back.",
  userImpact:
    "None for those who send normally. A flood of one sender reaches its recipients, and the registry, Postgres and the sequence counters carry it.",
  containment:
    "RateLimiter answers “allowed” without waiting once its breaker is open; each attempt before that costs at most 50 ms.",
  aggravators: [
    "Making the app servers refuse when in doubt: then nobody can send anything, which is far worse than a flood.",
    "A second outage at the same time: without the registry, every message of the flood becomes a row in pending_deliveries.",
    "Announcing the outage in public while the limit is open.",
  ],
  normal:
    'redisops_decisions_degraded_total{role="rate_limit"} is below 1 % of redisops_decisions_total{role="rate_limit"}, and redisops_role_up{role="rate_limit"} is 1.',
  frequency:
    "Less than once a quarter: the server is small, stores nothing that has to be read at a start, and is back within seconds of being restarted.",
  prevention:
    "Let the supervisor restart the process at once and without its data; keep maxmemory well above the number of users who send in the same second.",
  topologies: {
    standalone: "The limit is off for everybody until this one server is back. An empty one will do.",
    sentinel:
      "It is off until the replica is promoted, by default after 30 s. A lag of the replica costs nothing: counters live for a second.",
    cluster:
      "One dead shard lifts the limit for its own share of the senders, a sixth with 6 shards. That is not half, so it is RedisShardDown that tells of it.",
  },
  diagnosis: [
    {
      command: "redisops status --role rate_limit",
      shows: [
        "rate_limit  127.0.0.1:…  refused  RateLimitFailOpen  …  (see below)",
        "  RateLimitFailOpen: Messages pass without a rate limit",
        "  REDIS_REFUSED: rate_limit Redis at 127.0.0.1:… refused the connection",
      ],
      branches: [
        {
          observed: "state “refused”",
          conclusion: "The process is not running. Start it, empty or not: its counters live for a second.",
        },
        {
          observed: "state “timeout”",
          conclusion:
            "It hangs. Here a restart is the quick and right answer: there is nothing to lose in it.",
        },
        {
          observed: "state “out_of_memory”",
          conclusion:
            "Counters that never expire, or other keys, fill it: look at “counters without a lifetime”. Emptying the server is safe if nothing else is on it.",
        },
        {
          observed: "state “readonly”",
          conclusion: "The applications’ address leads to a replica. Point it at the primary.",
        },
        {
          observed: "state “ok” while the alert fires",
          conclusion:
            "The app servers do not reach what redisops reaches, or get answers after their deadline of 50 ms: compare address and password, then “answers in” with that deadline.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason:
      "The counters live for a second, so there is nothing to bring back: the limit holds again from the first answer on.",
    instead:
      "Start, restart or replace the counters’ Redis; an empty server is as good as the old one. Until then limit the loudest senders at the load balancer, where it can limit by user or address.",
    proof:
      'redisops_role_up{role="rate_limit"} is 1, and redisops_decisions_degraded_total{role="rate_limit"} stops rising.',
    within:
      "one scrape for redisops_role_up; the share of the applications’ decisions falls below a half within three minutes",
    rollback: "Take the limit at the load balancer away again.",
    whenItFails:
      "Point roles.rate_limit and the app servers at any small empty Redis, without persistence. If that is not to be had, leave the limit open and watch the message rate: it is the flood that hurts, not the missing limit.",
  },
  drill: { kind: "lab", inject: ["kill --role rate_limit"] },
  inhibits: [
    "DegradedDecisionsBudgetBurn",
    "RedisDown",
    "RedisHung",
    "RedisErrorRateHigh",
    "RedisShardDown",
    "ProbeFailing",
  ],
  panels: [
    "role-up",
    "decisions-degraded",
    "decisions-by-fallback-rate-limit",
    "rate-limit-canary",
    "if-it-dies-rate-limit",
  ],
  scenarios: [
    {
      name: "the counters are away for twelve minutes",
      faults: [
        {
          metric: "redisops_decisions_degraded_total",
          labels: failOpen,
          runs: [
            { value: 6, samples: 10 },
            { value: 60_000, samples: 12 },
            { value: 6, samples: 30 },
          ],
        },
        {
          metric: "redisops_role_up",
          labels: rateLimit,
          runs: [
            { value: 1, samples: 10 },
            { value: 0, samples: 12 },
            { value: 1, samples: 30 },
          ],
        },
      ],
      expect: [
        { at: "9m", firing: [] },
        { at: "14m", firing: ["DegradedDecisionsBudgetBurn"] },
        { at: "20m", firing: ["DegradedDecisionsBudgetBurn", "RateLimitFailOpen"] },
        { at: "28m", firing: ["DegradedDecisionsBudgetBurn"] },
      ],
    },
    {
      name: "no application reports: the server alone tells",
      faults: [
        {
          metric: "redisops_role_up",
          labels: rateLimit,
          runs: [
            { value: 1, samples: 3 },
            { value: 0, samples: 10 },
            { value: 1, samples: 10 },
          ],
        },
        { metric: "redisops_decisions_total", labels: rateLimit, runs: [{ value: "stale", samples: 60 }] },
        {
          metric: "redisops_decisions_degraded_total",
          labels: failOpen,
          runs: [{ value: "stale", samples: 60 }],
        },
      ],
      expect: [
        { at: "2m", firing: [] },
        { at: "7m", firing: [] },
        { at: "9m", firing: ["RateLimitFailOpen"] },
        { at: "14m", firing: [] },
      ],
    },
    {
      name: "an outage of three minutes is accepted",
      faults: [
        {
          metric: "redisops_role_up",
          labels: rateLimit,
          runs: [
            { value: 1, samples: 10 },
            { value: 0, samples: 3 },
            { value: 1, samples: 30 },
          ],
        },
        { metric: "redisops_decisions_total", labels: rateLimit, runs: [{ value: "stale", samples: 60 }] },
        {
          metric: "redisops_decisions_degraded_total",
          labels: failOpen,
          runs: [{ value: "stale", samples: 60 }],
        },
      ],
      expect: [
        { at: "12m", firing: [] },
        { at: "20m", firing: [] },
      ],
    },
    {
      name: "a process that starts at night, when nobody else sends",
      faults: [
        { metric: "redisops_decisions_total", labels: rateLimit, runs: [{ value: 3, samples: 60 }] },
        { metric: "redisops_decisions_degraded_total", labels: failOpen, runs: [{ value: 3, samples: 60 }] },
      ],
      expect: [{ at: "30m", firing: [] }],
    },
  ],
  example: {
    labels: rateLimit,
    summary: "Messages pass without a rate limit",
    description:
      "100% of the rate checks got no answer from the counters, and those messages passed unchecked. Whoever wants to send without a limit can do so until the counters are back.",
  },
};
