import { episode } from "../episode.ts";
import type { DegradationMode, FaultSeries } from "../mode.ts";

const failures = (role: string, error_class: string) => ({ role, error_class });

/** A counter that grows by `faulty` a minute for so long, from the third minute on. */
const spike = (
  metric: FaultSeries["metric"],
  labels: FaultSeries["labels"],
  healthy: number,
  faulty: number,
  minutes: number,
): FaultSeries => ({
  metric,
  labels,
  runs: [
    { value: healthy, samples: 3 },
    { value: faulty, samples: minutes },
    { value: healthy, samples: 30 },
  ],
});

const registry = { role: "registry" } as const;

export const RedisErrorRateHigh: DegradationMode = {
  id: "RedisErrorRateHigh",
  title: "Redis of a role is up, and too many of the applications’ calls fail",
  role: "any",
  board: "redisops-topology",
  severity: "ticket",
  nature: "cause",
  origin:
    "A jump in the share of calls that Redis fails is the first sign that the detection of this platform lists, before worker latency and the connection pool of Postgres show it. Here it means the third verdict: neither gone nor hung, but slow or in error.",
  signal: {
    kind: "threshold",
    measure: { metric: "redisops_store_failures_total" },
    over: { metric: "redisops_store_calls_total" },
    rateWindow: "window",
    aggregate: "sum",
    by: ["role"],
    comparison: ">",
    limit: "failure_ratio",
    and: {
      kind: "threshold",
      measure: { metric: "redisops_role_key_space_available_ratio" },
      aggregate: "max",
      by: ["role"],
      comparison: ">",
      limit: 0,
      and: {
        kind: "threshold",
        measure: { metric: "redisops_store_calls_total" },
        rateWindow: "window",
        aggregate: "sum",
        by: ["role"],
        comparison: ">",
        limit: "min_calls",
      },
    },
  },
  thresholds: {
    for: {
      value: "5m",
      unit: "duration",
      reason:
        "As long as the window: an outage that is over has left the window before this has held for five minutes, so that it is not reported a second time.",
    },
    window: {
      value: "5m",
      unit: "duration",
      reason: "Four scrapes a minute apart and one more; shorter, and one lost scrape decides.",
    },
    failure_ratio: {
      value: 0.05,
      unit: "ratio",
      reason:
        "The lab with twenty times as much work as its two cores can do fails 0.003 % of its calls. One call in twenty is far from chance, and far below the half at which breakers open.",
    },
    min_calls: {
      value: 1,
      unit: "per_second",
      reason: "Then 5 % are 15 failed calls in the window. Below it a single slow client would decide.",
    },
  },
  summary:
    "{{ $value | humanizePercentage }} of the calls to Redis of {{ $labels.role }} fail, although it is up",
  description:
    "{{ $value | humanizePercentage }} of the applications’ calls to {{ $labels.role }} got no answer within their deadline, or an error, over five minutes. The exporter’s own writes are accepted, so it is neither gone nor hung: it is too slow for the applications’ deadlines, or refuses some commands.",
  userImpact:
    "That share of the decisions is made by the role’s fallback, one by one: late messages, ids by timestamp, duplicates, or whatever the role gives up.",
  containment:
    "Each call that fails costs one deadline at most. Where failures outnumber answers, the breaker of that server opens and decisions stop waiting.",
  aggravators: [
    "Longer deadlines, or retries within a request: both multiply the load on a server that is too slow already.",
    "More application processes: each brings its own connections and its own probes of open breakers.",
    "A BGSAVE or BGREWRITEAOF started by hand: the fork stops the server for about 10 to 20 ms per GB.",
  ],
  normal:
    "redisops_store_failures_total grows by less than one in ten thousand of redisops_store_calls_total.",
  frequency:
    "When Redis nears one full core, when a machine is shared with a noisy neighbour, when a deployment brings a wrong password or an ACL that lacks a command.",
  prevention:
    "Keep the servers’ CPU below 70 % (redisops_redis_cpu_seconds_total grows by less than 0.7 a second), put snapshots on replicas, and test ACL changes with the applications’ own user.",
  topologies: {
    sentinel:
      "For some seconds after a failover clients still talk to the old primary: READONLY errors that stay mean clients that do not ask the Sentinels.",
    cluster:
      "Compare the shards on the board: one that is slow (a hot key, a noisy host) fails 1/6 of the calls of a six-shard cluster and looks like 17 % here.",
  },
  diagnosis: [
    {
      command: "redisops status",
      shows: ["rate_limit  127.0.0.1:…", "  answers in … ms; counters without a lifetime …"],
      branches: [
        {
          observed:
            "“answers in” far above the few milliseconds of the other roles, between two and ten calls in a row",
          conclusion:
            "It is slow. `redis-cli SLOWLOG GET 10` shows long commands; without any, look at the machine’s CPU, at `used_cpu_sys` and at `latest_fork_usec` in INFO.",
        },
        {
          observed: "“answers in” is as usual and the state is “ok”",
          conclusion:
            "Look at the board’s failures by error_class. timeout: the applications’ own machines or the network are slow, or their deadline is shorter than a round trip. auth: their credentials or ACL changed. other: an ACL or a renamed command.",
        },
        {
          observed: "state “degraded” with “… of 6 shards accept writes”",
          conclusion: "RedisShardDown is the cause. Follow its page.",
        },
        {
          observed: "state “refused” or “timeout” on and off",
          conclusion:
            "It restarts in a loop, or the network flaps: look at the servers’ uptime on the board.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason:
      "Slow or in error has many causes, and each has another cure; none of them is in the data that redisops can rebuild.",
    instead:
      "Take the load off (the slow command, the hot key, the neighbour), or undo the change that brought the errors.",
    proof: "The rate of redisops_store_failures_total falls below 5 % of that of redisops_store_calls_total.",
    within: "the window of five minutes after the last failed calls",
    rollback: "Nothing was changed by redisops.",
    whenItFails:
      "Fail over to the replica if it runs on a better machine; with standalone servers move the role to a new one, which its own runbook page describes. The fallbacks carry the role meanwhile.",
  },
  drill: {
    kind: "lab",
    inject: ["slow --role rate_limit"],
    alsoFires: {
      RateLimitFailOpen: "Where the stalls open the breakers, messages are let through uncounted.",
    },
    limits:
      "The lab’s applications wait 250 ms for an answer; in production 50 ms, which the same stall fails more often.",
  },
  inhibits: [],
  panels: [
    "store-failures",
    "breakers-open",
    "role-response",
    "shard-response",
    "node-cpu",
    "decisions-degraded",
  ],
  scenarios: [
    {
      name: "a fifth of the rate limiter’s calls time out for twenty minutes",
      faults: [spike("redisops_store_failures_total", failures("rate_limit", "timeout"), 1, 20_000, 20)],
      expect: [
        { at: "2m", firing: [] },
        { at: "6m", firing: [] },
        { at: "14m", firing: ["RedisErrorRateHigh"] },
        { at: "32m", firing: [] },
      ],
    },
    {
      name: "the registry is gone for seven minutes: that is RedisDown, and over when it is over",
      faults: [
        episode("redisops_role_up", registry, 1, 0),
        episode("redisops_role_failure", { ...registry, error_class: "refused" }, 0, 1),
        episode("redisops_role_key_space_available_ratio", registry, 1, 0),
        spike("redisops_store_failures_total", failures("registry", "refused"), 0, 100_000, 7),
      ],
      expect: [
        { at: "9m", firing: ["RegistryDown", "RedisDown"] },
        { at: "12m", firing: [] },
        { at: "15m", firing: [] },
        { at: "20m", firing: [] },
      ],
    },
    {
      name: "half of a handful of calls fail",
      faults: [
        spike("redisops_store_calls_total", { role: "rate_limit" }, 30, 30, 20),
        spike("redisops_store_failures_total", failures("rate_limit", "timeout"), 0, 15, 20),
      ],
      expect: [{ at: "20m", firing: [] }],
    },
    {
      name: "a burst of failures within one minute",
      faults: [spike("redisops_store_failures_total", failures("rate_limit", "timeout"), 1, 100_000, 1)],
      expect: [
        { at: "6m", firing: [] },
        { at: "9m", firing: [] },
        { at: "12m", firing: [] },
      ],
    },
  ],
  example: {
    labels: { role: "rate_limit" },
    summary: "20% of the calls to Redis of rate_limit fail, although it is up",
    description:
      "20% of the applications’ calls to rate_limit got no answer within their deadline, or an error, over five minutes. The exporter’s own writes are accepted, so it is neither gone nor hung: it is too slow for the applications’ deadlines, or refuses some commands.",
  },
};
