import type { DegradationMode } from "../mode.ts";

const role = "sequence";
const sequence = { role } as const;
const timestampId = { role, fallback: "timestamp_id" } as const;

export const SequenceFallback: DegradationMode = {
  id: "SequenceFallback",
  title: "Message ids are timestamps",
  role,
  board: "redisops-sequence",
  severity: "ticket",
  nature: "cause",
  origin:
    "Without its counter a conversation’s next message gets the time in milliseconds and a random suffix as its id. Two messages of the same millisecond may then be in either order, which is rare and which nobody notices. Ids come from the counter again when it is back; what was sent meanwhile is not ordered anew.",
  signal: {
    kind: "threshold",
    measure: { metric: "redisops_decisions_degraded_total", where: timestampId },
    over: { metric: "redisops_decisions_total", where: sequence },
    rateWindow: "window",
    aggregate: "sum",
    by: ["role"],
    comparison: ">",
    limit: "timestamp_ratio",
    and: {
      kind: "threshold",
      measure: { metric: "redisops_decisions_total", where: sequence },
      rateWindow: "window",
      aggregate: "sum",
      by: ["role"],
      comparison: ">",
      limit: "min_decision_rate",
    },
    // For platforms whose applications report nothing.
    or: {
      kind: "threshold",
      measure: { metric: "redisops_role_up", where: sequence },
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
        "Five minutes of ids by timestamp cost nothing that a user sees. A failover, a restart and the reading of a small append-only file are over by then.",
    },
    window: {
      value: "5m",
      unit: "duration",
      reason: "Four scrapes also where Prometheus scrapes once a minute.",
    },
    timestamp_ratio: {
      value: 0.5,
      unit: "ratio",
      reason:
        "Ids by timestamp are harmless, so that nobody need look before the counter itself is gone: one dead shard of six is 0.17 and has RedisShardDown, a slow server pages by the budget (DegradedDecisionsBudgetBurn).",
    },
    min_decision_rate: {
      value: 1,
      unit: "per_second",
      reason: "Below 300 ids in the window the first ones of a process that has just started decide.",
    },
  },
  summary: "Message ids are timestamps instead of sequence numbers",
  description:
    "{{ if eq $value 0.0 }}The sequence counters’ server takes no write: 100% of the ids come from the app servers’ clocks.{{ else }}{{ $value | humanizePercentage }} of the message ids came from the app servers’ clocks, because the counter gave no answer.{{ end }} Order within a conversation is as good as those clocks agree.",
  userImpact:
    "Next to none: two messages of the same moment may be swapped, when they come from two app servers.",
  containment:
    "SequenceClient takes the time and a random suffix, and ids of both kinds sort together (compareMessageIds). Ids of one process keep rising in each conversation.",
  aggravators: [
    "Starting the server again from an old snapshot or with an empty disk: counters begin below ids that are in use, which is SequenceRegressed and far worse than this.",
    "Clocks of app servers that differ: now they decide the order.",
    "Setting counters by hand: one that is set too low repeats ids. redisops recover sequence only ever raises them.",
  ],
  normal:
    'redisops_decisions_degraded_total{role="sequence"} is below 1 % of redisops_decisions_total{role="sequence"}, and redisops_role_up{role="sequence"} is 1.',
  frequency: "With each outage of the sequence Redis of more than a few minutes; expect one or two a year.",
  prevention:
    "A replica, appendonly yes with appendfsync everysec or always, and clocks kept by NTP to within some milliseconds.",
  topologies: {
    standalone:
      "Ids are timestamps until this server is back with its append-only file. Never start it without.",
    sentinel:
      "A promotion ends the mode within seconds of being decided. Replication is asynchronous: afterwards look at “conversations whose counter fell behind”.",
    cluster:
      "A dead shard turns the ids of its own conversations into timestamps, the others’ stay as they are.",
  },
  diagnosis: [
    {
      command: "redisops status --role sequence",
      shows: [
        "sequence  127.0.0.1:…  refused  SequenceFallback  …  (see below)",
        "  SequenceFallback: Message ids are timestamps",
        "  REDIS_REFUSED: sequence Redis at 127.0.0.1:… refused the connection",
      ],
      branches: [
        {
          observed: "state “refused”",
          conclusion:
            "The process is not running. Before it is started, make sure that its append-only file is in its data directory.",
        },
        {
          observed: "state “loading”",
          conclusion: "It reads its append-only file. Wait: an interrupted start begins anew.",
        },
        {
          observed: "state “timeout”",
          conclusion:
            "It hangs, often in the fsync of a full or slow disk. Free the disk first; a restart has to read the same disk.",
        },
        {
          observed: "state “write_refused”",
          conclusion:
            "MISCONF: the append-only file or a snapshot could not be written, free disk space. NOREPLICAS: min-replicas-to-write is not met, bring a replica back.",
        },
        {
          observed: "state “ok” while the alert fires",
          conclusion:
            "Only app servers are cut off, or wait longer than their deadline of 50 ms. Compare address, password and “answers in”.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason:
      "Ids come from the counter again with its first answer, and messages with timestamps in their ids stay where they are.",
    instead:
      "1. Start the server with its append-only file, or promote a replica; keep the applications away from it for the moment, if that can be done. 2. Run redisops recover sequence --all: it raises each counter above all that is durable, plus what the failover can have lost. 3. Give the server back. redisops status --role sequence has to show 0 “conversations whose counter fell behind”.",
    proof:
      'redisops_decisions_degraded_total{role="sequence"} stops rising, and redisops_sequence_conversations_regressed_ratio is 0.',
    within: "one scrape; the share of the last five minutes falls below a half within three",
    rollback: "Nothing was changed by redisops.",
    whenItFails:
      "If the append-only file cannot be read, `redis-check-aof --fix` cuts it at the damage: what was cut are counters that are too low now. Keep the applications away from the server until redisops recover sequence --all has raised them; timestamps do no harm meanwhile. An empty server will do as well: the same command fills it from the messages in Postgres.",
  },
  drill: {
    kind: "lab",
    inject: ["kill --role sequence"],
    alsoFires: {
      DegradedDecisionsBudgetBurn:
        "Every id is a fallback’s, which uses the budget up; a ticket silences no page.",
    },
  },
  inhibits: ["RedisDown", "RedisHung", "RedisErrorRateHigh", "RedisShardDown", "ProbeFailing"],
  panels: [
    "role-up",
    "decisions-degraded",
    "decisions-by-fallback-sequence",
    "sequence-canary",
    "if-it-dies-sequence",
  ],
  scenarios: [
    {
      name: "the counters’ server is away for twelve minutes",
      faults: [
        {
          metric: "redisops_decisions_degraded_total",
          labels: timestampId,
          runs: [
            { value: 6, samples: 10 },
            { value: 60_000, samples: 12 },
            { value: 6, samples: 30 },
          ],
        },
        {
          metric: "redisops_role_up",
          labels: sequence,
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
        { at: "20m", firing: ["DegradedDecisionsBudgetBurn", "SequenceFallback"] },
        { at: "28m", firing: ["DegradedDecisionsBudgetBurn"] },
      ],
    },
    {
      name: "no application reports: the server alone tells",
      faults: [
        {
          metric: "redisops_role_up",
          labels: sequence,
          runs: [
            { value: 1, samples: 3 },
            { value: 0, samples: 10 },
            { value: 1, samples: 10 },
          ],
        },
        { metric: "redisops_decisions_total", labels: sequence, runs: [{ value: "stale", samples: 60 }] },
        {
          metric: "redisops_decisions_degraded_total",
          labels: timestampId,
          runs: [{ value: "stale", samples: 60 }],
        },
      ],
      expect: [
        { at: "2m", firing: [] },
        { at: "7m", firing: [] },
        { at: "9m", firing: ["SequenceFallback"] },
        { at: "14m", firing: [] },
      ],
    },
    {
      name: "a failover: 20 seconds of ids by timestamp",
      faults: [
        {
          metric: "redisops_decisions_degraded_total",
          labels: timestampId,
          runs: [
            { value: 6, samples: 10 },
            { value: 20_000, samples: 1 },
            { value: 6, samples: 30 },
          ],
        },
      ],
      expect: [
        { at: "12m", firing: ["DegradedDecisionsBudgetBurn"] },
        { at: "20m", firing: ["DegradedDecisionsBudgetBurn"] },
      ],
    },
    {
      name: "a process that starts at night, when nobody else sends",
      faults: [
        { metric: "redisops_decisions_total", labels: sequence, runs: [{ value: 3, samples: 60 }] },
        {
          metric: "redisops_decisions_degraded_total",
          labels: timestampId,
          runs: [{ value: 3, samples: 60 }],
        },
      ],
      expect: [{ at: "30m", firing: [] }],
    },
  ],
  example: {
    labels: sequence,
    summary: "Message ids are timestamps instead of sequence numbers",
    description:
      "100% of the message ids came from the app servers’ clocks, because the counter gave no answer. Order within a conversation is as good as those clocks agree.",
  },
};
