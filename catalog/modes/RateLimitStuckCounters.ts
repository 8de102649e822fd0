import type { DegradationMode } from "../mode.ts";

const role = "rate_limit";
const rateLimit = { role } as const;
const stuck = "redisops_rate_limit_counters_without_ttl";
const stuckError = "redisops_rate_limit_counters_without_ttl_standard_error";

const after = (value: number) => [
  { value: 0, samples: 5 },
  { value, samples: 15 },
  { value: 0, samples: 20 },
];

export const RateLimitStuckCounters: DegradationMode = {
  id: "RateLimitStuckCounters",
  title: "Rate counters never expire: their users are locked out",
  role,
  board: "redisops-rate-limit",
  severity: "page",
  nature: "symptom",
  origin:
    "A user’s counter is incremented and given a lifetime of one second. Where those are two commands and the process dies in between, or the second one fails, the counter stays for ever: it only grows, and once it is above the limit its user cannot send again.",
  signal: {
    kind: "threshold",
    measure: { metric: stuck, where: rateLimit },
    aggregate: "max",
    by: ["role"],
    comparison: ">",
    limit: "min_counters",
    and: {
      kind: "threshold",
      measure: { metric: stuck, where: rateLimit },
      over: { metric: stuckError, where: rateLimit },
      aggregate: "max",
      by: ["role"],
      comparison: ">",
      limit: "certainty",
    },
  },
  thresholds: {
    for: {
      value: "5m",
      unit: "duration",
      reason:
        "A counter between its INCR and its EXPIRE has no lifetime either, for less than a millisecond. What is still there after five minutes of fresh samples stays.",
    },
    min_counters: {
      value: 10,
      unit: "count",
      reason:
        "One or two are single users, whom support can help in the morning. A server that died between the two commands leaves as many as it had under way: dozens.",
    },
    certainty: {
      value: 3,
      unit: "factor",
      reason:
        "Standard errors that the estimate has to be away from 0. Where other keys without a lifetime share the server, the error is as large as the number itself: a suspicion, which does not page.",
    },
  },
  summary:
    "About {{ $value | humanize }} rate counters never expire: their users are, or will be, locked out",
  description:
    "About {{ $value | humanize }} counters have no lifetime. Each one only grows: as soon as it is above the limit, 100% of its user’s messages are refused, until somebody removes it.",
  userImpact:
    "These users get “too many messages” for everything they send, however slowly, and it does not end. Restarting their app does not help.",
  containment:
    "Applications on RateLimiter set lifetime and count in one script, and give a stuck counter a lifetime when it would begin to refuse. Others have no containment at all.",
  aggravators: [
    "Raising the limit: the counters reach the new one as well, a little later.",
    "Restarting the app servers of an implementation with two commands under load: each restart leaves more of them behind.",
    "A restart of Redis with a snapshot: the stuck counters come back with it.",
  ],
  normal: "redisops_rate_limit_counters_without_ttl is 0.",
  frequency:
    "Never with RateLimiter. With INCR and EXPIRE as two commands after every crash of an app server, and after each time the server ran out of memory between the two.",
  prevention:
    "Count and set the lifetime in one script, as RateLimiter does. For a counter in another language: EVAL with INCR and PEXPIRE, or SET key 0 EX 1 NX before INCR.",
  topologies: {
    standalone: "If nothing else is on the server, emptying it costs everybody one second of their limit.",
    sentinel: "The counters are on the replica as well: a failover does not remove them.",
    cluster:
      "`redis-cli --scan` asks one node: run it against each primary. FLUSHALL likewise; the roles that share the cluster lose their keys with it.",
  },
  diagnosis: [
    {
      command: "redisops status --role rate_limit",
      shows: [
        "rate_limit  127.0.0.1:…  degraded  RateLimitStuckCounters  …  (see below)",
        "…counters without a lifetime …",
        "  RateLimitStuckCounters: Rate counters never expire: their users are locked out",
      ],
      branches: [
        {
          observed: "“counters without a lifetime” is steady",
          conclusion: "Something left them once. Find what crashed at that time, and remove them.",
        },
        {
          observed: "“counters without a lifetime” grows between two calls",
          conclusion:
            "A program leaves new ones all the time: its EXPIRE fails or is missing. Look at the latest deployment; removing counters is of no use before it is rolled back.",
        },
        {
          observed: "“about … ± …” with a large second number",
          conclusion:
            "Other keys without a lifetime are on the same server. Check roles.rate_limit.key against the keys the applications write, before anything is removed.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason:
      "Which keys are rate counters and which belong to others on the same server is the platform’s to know; a wrong pattern would delete another role’s data.",
    instead:
      "Give every counter a lifetime, which does no harm to one that has it: `redis-cli --scan --pattern 'rate:*' | xargs -I KEY redis-cli EXPIRE KEY 1 NX`, with the host and the pattern of roles.rate_limit. If the server holds counters only, FLUSHALL does the same at once.",
    proof:
      "redisops_rate_limit_counters_without_ttl is 0, and redisops_rate_limited_total rises no faster than before.",
    within: "two scrapes after the last counter has its lifetime",
    rollback: "None is possible or needed: a counter that is gone allows one more second of messages.",
    whenItFails:
      "If they come back, stop what makes them; until then run the command every minute. Users who must send now can be freed one by one: DEL of their counter.",
  },
  drill: { kind: "lab", inject: ["stick-counters"] },
  inhibits: [],
  panels: ["rate-limit-stuck", "rate-limit-canary"],
  scenarios: [
    {
      name: "an app server dies between INCR and EXPIRE, and the counters are removed later",
      faults: [
        { metric: stuck, labels: rateLimit, runs: after(48) },
        { metric: stuckError, labels: rateLimit, runs: after(4) },
      ],
      expect: [
        { at: "4m", firing: [] },
        { at: "9m", firing: [] },
        { at: "11m", firing: ["RateLimitStuckCounters"] },
        { at: "21m", firing: [] },
      ],
    },
    {
      name: "exactly counted, all keys having been drawn",
      faults: [{ metric: stuck, labels: rateLimit, runs: after(48) }],
      expect: [
        { at: "9m", firing: [] },
        { at: "11m", firing: ["RateLimitStuckCounters"] },
      ],
    },
    {
      name: "other keys without a lifetime share the server",
      faults: [
        { metric: stuck, labels: rateLimit, runs: after(900) },
        { metric: stuckError, labels: rateLimit, runs: after(900) },
      ],
      expect: [{ at: "15m", firing: [] }],
    },
    {
      name: "two stuck counters",
      faults: [{ metric: stuck, labels: rateLimit, runs: after(2) }],
      expect: [{ at: "15m", firing: [] }],
    },
    {
      name: "a crowd of new counters met between the two commands, once",
      faults: [
        {
          metric: stuck,
          labels: rateLimit,
          runs: [
            { value: 0, samples: 5 },
            { value: 40, samples: 2 },
            { value: 0, samples: 20 },
          ],
        },
      ],
      expect: [
        { at: "6m", firing: [] },
        { at: "12m", firing: [] },
      ],
    },
  ],
  example: {
    labels: rateLimit,
    summary: "About 48 rate counters never expire: their users are, or will be, locked out",
    description:
      "About 48 counters have no lifetime. Each one only grows: as soon as it is above the limit, 100% of its user’s messages are refused, until somebody removes it.",
  },
};
