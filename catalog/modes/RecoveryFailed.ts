import { episode } from "../episode.ts";
import type { DegradationMode, FaultSeries } from "../mode.ts";

const bloom = { role: "dedup", recovery: "bloom" } as const;
const tokenBuckets = { role: "token_bucket", recovery: "token-buckets" } as const;

const during = (
  metric: FaultSeries["metric"],
  labels: FaultSeries["labels"],
  ...runs: FaultSeries["runs"]
): FaultSeries => ({ metric, labels, runs });

export const RecoveryFailed: DegradationMode = {
  id: "RecoveryFailed",
  title: "A recovery failed and was not repeated",
  role: "any",
  board: "redisops-recoveries",
  severity: "ticket",
  nature: "cause",
  origin:
    "A filter that lost its content is to be filled again, and buckets are to be full again, before the platform works as before. A recovery that broke off leaves that undone, while whoever started it may believe it done.",
  signal: {
    kind: "threshold",
    measure: { metric: "redisops_recovery_last_run_failed" },
    aggregate: "max",
    by: ["role", "recovery"],
    comparison: "==",
    limit: 1,
  },
  thresholds: {
    for: {
      value: "5m",
      unit: "duration",
      reason:
        "Whoever runs a recovery reads its error within seconds and needs a few minutes to mend the cause and resume it; the ticket is for runs that nobody watches. A dead run counts from 30 s after its last heartbeat, six heartbeats of 5 s.",
    },
  },
  summary: "Recovery {{ $labels.recovery }} of {{ $labels.role }} failed, and no later run succeeded",
  description:
    "The last run of “redisops recover {{ $labels.recovery }} --execute” ended in an error, was found wrong by its own verification, or died without a word. What it was started for is as broken as before until a run succeeds.",
  userImpact:
    "None of its own; what the recovery was to end goes on. After bloom: notifications that reach people twice, or are withheld. After registry or pending: messages that wait. After sequence: message ids that repeat. After preferences: opt-outs that are not honoured. After token-buckets: an account that sends less than its provider allows.",
  containment:
    "No run leaves anything worse than it was. A rebuild works on a shadow key and leaves the live filter untouched until the swap. Counters are only raised, newer registry entries never overwritten, messages deleted only after their acknowledgement. What a run has written down as done, its resumption does not do again.",
  aggravators: [
    "Marking the row in redisops_runs as succeeded by hand: the ticket goes away and the filter stays as it is.",
    "A new rebuild after each failure, instead of redisops recover resume <run>: each reads the whole deduplication window again, from the Postgres that may be carrying fallbacks.",
    "Killing the process that redisops recover list shows as running, because a terminal was lost: it works on. A second run is refused (LOCK_HELD) as long as the first one lives.",
  ],
  normal:
    "redisops_recovery_last_run_failed is 0, and there is no such series for a recovery that never ran. While Postgres cannot be read there is none either: the alert then ends, and begins anew with Postgres.",
  frequency:
    "Only after somebody ran a recovery and it ended badly; none in a month without an incident. One that was stopped by Ctrl-C does not count, one that was killed does.",
  prevention:
    "Start recoveries where a lost connection does not end them (tmux, a job), keep room in state_dir, and rehearse them: a first run should not be the one in the incident.",
  topologies: {
    sentinel:
      "A failover of the filter in the middle of a rebuild ends the run (TARGET_CHANGED). Wait until redisops status --role dedup shows an answering primary, then resume the run: it finds the new one and begins anew there.",
    cluster:
      "A shard that is down ends a run at the first key that lies there. What was done before is kept; resume the run once the shard is back.",
  },
  diagnosis: [
    {
      command: "redisops status --role dedup",
      shows: [
        "dedup  …  degraded  RecoveryFailed  …",
        "…recover bloom failed, its last run ended … ago…",
        "RecoveryFailed: A recovery failed and was not repeated",
      ],
      branches: [
        {
          observed: "“recover bloom failed”, state degraded, no other mode",
          conclusion:
            "The run broke off and the filter does its job: the live one was not touched, or was good enough. Resume the run (next step); its success clears the ticket.",
        },
        {
          observed: "“recover bloom failed” beside BloomCold or BloomSaturated",
          conclusion:
            "What the run was for still holds, so it is urgent. Mend what broke it first; the next step says what that was.",
        },
        {
          observed: "state refused, timeout or write_refused",
          conclusion:
            "The filter’s server itself is away or refuses writes; a rebuild cannot succeed before that ends. Follow the page of the role’s own alert first.",
        },
        {
          observed: "“recover bloom is under way” as well",
          conclusion:
            "Somebody is repeating it now. Leave it alone and watch its share rise; the ticket ends with its success.",
        },
      ],
    },
    {
      command: "redisops recover list",
      shows: ["RUN  STATE  STARTED  HOST  WHY", "bloom-…  failed  …"],
      branches: [
        {
          observed: "“failed” with a code in the last column",
          conclusion:
            "redisops recover show <run> prints the message and how far it came. Mend what it names, then redisops recover resume <run>: it goes on behind the last checkpoint, on any machine that reaches Postgres.",
        },
        {
          observed: "“died”",
          conclusion:
            "Its process was killed or its machine is gone. The role is free within ten seconds: redisops recover resume <run> takes over.",
        },
        {
          observed: "VERIFICATION_FAILED",
          conclusion:
            "It was carried out, and the outcome is wrong: redisops recover show <run> has the figures. Do not resume; make a new plan and compare its source with what you expect to be there.",
        },
        {
          observed: "“running” on top of a failed one of the same recovery",
          conclusion:
            "Somebody is repeating it now. Leave it alone; the ticket ends with its success. To slow it down: redisops recover throttle <run> --max-rate 1000.",
        },
        {
          observed: "a warning that Postgres cannot be asked",
          conclusion:
            "Only runs of this machine are listed. Bring Postgres back first; without it nearly no recovery runs.",
        },
      ],
    },
    {
      command: "redisops recover bloom",
      shows: [
        "Plan: recover bloom on …",
        "…source… ids",
        "Nothing was changed. To carry it out: redisops recover bloom --execute…",
      ],
      branches: [
        {
          observed: "a plan that ends with “Nothing was changed”",
          conclusion:
            "Source and server answer now. Resume the failed run in tmux and stay until it prints “Verification holds”.",
        },
        {
          observed: "an error in place of the plan",
          conclusion:
            "It is the cause, in the words of the server that refuses: do what its line “next” says, then plan again.",
        },
        {
          observed: "MEMORY_SHORT or FILTER_TOO_SMALL",
          conclusion:
            "No repetition helps: maxmemory, or roles.dedup.filter.capacity, has to grow to what the plan asks for.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason:
      "Which command it is depends on the run that failed: redisops recover list has its id, and the alert’s label recovery its name.",
    instead:
      "1. redisops recover list, then redisops recover show <run>: what ended it. 2. Mend that. 3. redisops recover resume <run>. Where it answers PLAN_STALE, or the verification did not hold, make a new plan of the same recovery instead and carry it out with --execute. Doing it twice is safe.",
    proof:
      "redisops_recovery_last_run_failed is 0 and redisops_recovery_last_end_timestamp_seconds has moved.",
    within: "one scrape after the run has printed that its verification holds",
    rollback:
      "None is needed: a run that is resumed or repeated ends in the same state as one that was never broken off.",
    whenItFails:
      "With the same error: that server or table is the incident, leave the recovery until it is mended. LOCK_HELD: another run has the role, redisops recover list names it. With VERIFICATION_FAILED twice: the source and redisops.yaml do not belong together (table, topic, the filter’s size); what the recovery was for goes on meanwhile, and so does delivery. Where no row can be written any more, the warning of the run names the missing grant.",
  },
  drill: {
    kind: "lab",
    inject: ["fail-recovery"],
    alsoFires: {
      DedupSkipped: "The server refuses the workers’ writes as well, while the rebuild fails.",
      DegradedDecisionsBudgetBurn: "Those decisions are a fallback’s.",
    },
    limits:
      "The lab fails a rebuild of the filter only, by a server that refuses its writes; a run that is killed shows the same after 30 seconds.",
  },
  inhibits: [],
  panels: ["recovery-failed"],
  scenarios: [
    {
      name: "a rebuild of the filter fails, and is repeated five minutes later",
      faults: [episode("redisops_recovery_last_run_failed", bloom, 0, 1)],
      expect: [
        { at: "2m", firing: [] },
        { at: "7m", firing: [] },
        { at: "9m", firing: ["RecoveryFailed"] },
        { at: "12m", firing: [] },
      ],
    },
    {
      name: "a failure that is repeated with success at once",
      faults: [
        during(
          "redisops_recovery_last_run_failed",
          bloom,
          { value: 0, samples: 3 },
          { value: 1, samples: 4 },
          { value: 0, samples: 20 },
        ),
        during(
          "redisops_recovery_running",
          bloom,
          { value: 0, samples: 5 },
          { value: 1, samples: 2 },
          { value: 0, samples: 20 },
        ),
      ],
      expect: [
        { at: "6m", firing: [] },
        { at: "9m", firing: [] },
        { at: "20m", firing: [] },
      ],
    },
    {
      name: "a second run is under way and does not end what the first one left",
      faults: [
        episode("redisops_recovery_last_run_failed", tokenBuckets, 0, 1),
        during(
          "redisops_recovery_running",
          tokenBuckets,
          { value: 0, samples: 7 },
          { value: 1, samples: 3 },
          { value: 0, samples: 10 },
        ),
      ],
      expect: [
        { at: "7m", firing: [] },
        { at: "9m", firing: ["RecoveryFailed"] },
        { at: "11m", firing: [] },
      ],
    },
    {
      name: "a long rebuild that goes well",
      faults: [
        during("redisops_recovery_running", bloom, { value: 0, samples: 3 }, { value: 1, samples: 30 }),
      ],
      expect: [
        { at: "10m", firing: [] },
        { at: "30m", firing: [] },
      ],
    },
    {
      name: "Postgres cannot be read for a while after a failure",
      faults: [
        during(
          "redisops_recovery_last_run_failed",
          bloom,
          { value: 0, samples: 3 },
          { value: 1, samples: 8 },
          { value: "stale", samples: 4 },
          { value: 1, samples: 20 },
        ),
      ],
      expect: [
        { at: "9m", firing: ["RecoveryFailed"] },
        { at: "13m", firing: [] },
        { at: "18m", firing: [] },
        { at: "22m", firing: ["RecoveryFailed"] },
      ],
    },
  ],
  example: {
    labels: { role: "dedup", recovery: "bloom" },
    summary: "Recovery bloom of dedup failed, and no later run succeeded",
    description:
      "The last run of “redisops recover bloom --execute” ended in an error, was found wrong by its own verification, or died without a word. What it was started for is as broken as before until a run succeeds.",
  },
};
