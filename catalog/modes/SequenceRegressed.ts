import type { DegradationMode } from "../mode.ts";
import type { ThresholdSignal } from "../signal.ts";

const role = "sequence";
const sequence = { role } as const;

/** A counter that counts lost writes has risen. */
const counted = (
  metric: "redisops_sequence_canary_regressions_total" | "redisops_sequence_regressions_total",
): ThresholdSignal => ({
  kind: "threshold",
  measure: { metric, where: sequence },
  rateWindow: "window",
  aggregate: "sum",
  by: ["role"],
  comparison: ">",
  limit: 0,
});

export const SequenceRegressed: DegradationMode = {
  id: "SequenceRegressed",
  title: "Sequence counters went back: message ids repeat",
  role,
  board: "redisops-sequence",
  severity: "page",
  nature: "symptom",
  origin:
    "Ids of a conversation only rise as long as its counter does. A failover to a replica that lacked the last writes, a restore, or a lost key lets it begin again lower: new messages get ids that older ones already have, and clients that have seen a higher id take them for old.",
  signal: {
    kind: "threshold",
    measure: { metric: "redisops_sequence_conversations_regressed_ratio", where: sequence },
    aggregate: "max",
    by: ["role"],
    comparison: ">",
    limit: "regressed_ratio",
    or: {
      ...counted("redisops_sequence_canary_regressions_total"),
      or: counted("redisops_sequence_regressions_total"),
    },
  },
  thresholds: {
    for: {
      value: "1m",
      unit: "duration",
      reason:
        "Two looks at the same counters, no more: every message that is sent meanwhile may get an id that exists.",
    },
    regressed_ratio: {
      value: 0,
      unit: "ratio",
      reason:
        "Maxima are read from Postgres first and the counters afterwards, so a counter that works is never below. One conversation of the 50 that are sampled stands for a fiftieth of all.",
    },
    window: {
      value: "15m",
      unit: "duration",
      reason:
        "A busy conversation is above its old maximum again after a few repeated ids and looks sound. For a quarter of an hour the count of the losses says that it was not.",
    },
  },
  summary: "Sequence counters are below ids that are in use: message ids repeat",
  description:
    '{{ with query "max(redisops_sequence_conversations_regressed_ratio) > 0" }}{{ . | first | value | humanizePercentage }} of the sampled conversations have a counter below the highest sequence number that Postgres holds of them.{{ else }}A counter of the application, or redisops’ own, was found lower than it had been: the store has lost writes.{{ end }} The next messages get ids that older messages have.',
  userImpact:
    "In the affected conversations new messages do not appear, or appear among old ones: a client that has seen id 900 skips a new 870.",
  containment:
    "SequenceClient never goes below what its own process has seen and raises the counter itself. A process that has not seen the conversation, or another implementation, repeats ids.",
  aggravators: [
    "Waiting: every message in an affected conversation is one more id that exists twice.",
    "Starting the old primary again to get its counters back: by then the new one has given the same ids.",
    "Lowering a counter, or deleting it to “let it start afresh”: it starts at 1.",
  ],
  normal:
    "redisops_sequence_conversations_regressed_ratio is 0; redisops_sequence_canary_regressions_total and redisops_sequence_regressions_total do not rise.",
  frequency:
    "Possible after each failover, crash or restore of the sequence Redis: up to a second of ids with appendfsync everysec, up to ten seconds’ worth in a slow failover. Otherwise never.",
  prevention:
    "appendonly yes, maxmemory-policy noeviction, min-replicas-to-write 1 where there is a replica. Before the applications write to a server that was promoted or restored, run redisops recover sequence --all: it skips the peak rate times the failover window (recovery.sequence).",
  topologies: {
    standalone:
      "A crash loses up to a second of increments with appendfsync everysec; a start without the append-only file loses all of them.",
    sentinel:
      "The promoted replica may lack what the old primary had acknowledged and not yet sent. When the old primary returns, it is overwritten from the new one, so its counters are lost as well.",
    cluster:
      "Only the conversations of the shard that failed over are affected; the share of the sampled ones is near that shard’s share of the key space.",
  },
  diagnosis: [
    {
      command: "redisops status --role sequence",
      shows: [
        "sequence  127.0.0.1:…  degraded  SequenceRegressed  …  redisops recover sequence…",
        "…conversations whose counter fell behind: … of …",
        "  SequenceRegressed: Sequence counters went back: message ids repeat",
      ],
      branches: [
        {
          observed: "“fell behind” for almost all of the sampled conversations",
          conclusion:
            "The counters are gone: the server came up empty, or is a different one. Take it away from the applications now, before the command: timestamps are safe, these counters are not. Their user loses its rights by `ACL SETUSER <user> -@all` and gets the old rules back afterwards; redisops needs a user of its own for that (docs/security.md). Where both share one, run the command at once: it takes seconds.",
        },
        {
          observed: "“fell behind” for a few, “furthest behind” by tens or hundreds of ids",
          conclusion:
            "The last moments before a failover or crash were lost. All conversations that were active then are affected, not only the sampled ones. Raise them at once: redisops recover sequence looks at every conversation.",
        },
        {
          observed: "“fell behind: 0” while the alert fires",
          conclusion:
            "The loss was caught up with, or hit a conversation that is not sampled. Ids were repeated for a while. Raise the counters all the same, redisops recover sequence --all, then look for duplicates in the messages since the last failover.",
        },
        {
          observed: "CANARY_WRONG with “has lost data”",
          conclusion:
            "redisops’ own counter went back as well: it is the store that forgets, not an application that writes lower values.",
        },
        {
          observed: "no CANARY_WRONG, and the number grows without a failover",
          conclusion:
            "Something deletes or evicts single counters: look at “contract violated: eviction” and at expiry times that somebody put on them.",
        },
      ],
    },
  ],
  remedy: {
    kind: "command",
    command: "redisops recover sequence",
    planShows: [
      "  source              Postgres messages.message_id: … conversations",
      "  live counters       … of … compared are below a durable id (… gone), the furthest by …",
      "  margin              100 ids (10 a second for a failover of 10 s)",
      "Nothing was changed. To carry it out: redisops recover sequence --execute…",
    ],
    executeShows: [
      "Done in … s. Verification holds:",
      "  all counters           0 of … below the highest id in Postgres",
      "  modes that still hold  none",
    ],
    proof:
      "redisops_sequence_conversations_regressed_ratio is 0 and stays 0; neither count of regressions rises.",
    within:
      "one scrape for the sampled conversations; the alert ends fifteen minutes after the last loss that was counted",
    rollback:
      "None: counters that are too high cost nothing but gaps, and lowering them again is what this page is about.",
    whenItFails:
      "Take the sequence Redis away from the applications, or stop it: ids become timestamps (SequenceFallback), which cannot repeat and keep a usable order for days. Repeated ids cannot be told apart afterwards. Then mend what the error names and run it again. If it found nothing although writes were lost, no durable id shows the loss: redisops recover sequence --all skips the margin everywhere.",
  },
  drill: { kind: "lab", inject: ["lower-sequence"] },
  inhibits: [],
  panels: ["sequence-regressed", "sequence-shortfall", "sequence-canary", "if-it-dies-sequence"],
  scenarios: [
    {
      name: "a replica without the last writes is promoted, and the counters are raised",
      faults: [
        {
          metric: "redisops_sequence_conversations_regressed_ratio",
          labels: sequence,
          runs: [
            { value: 0, samples: 5 },
            { value: 0.38, samples: 10 },
            { value: 0, samples: 30 },
          ],
        },
        {
          metric: "redisops_sequence_largest_shortfall_ids",
          labels: sequence,
          runs: [
            { value: 0, samples: 5 },
            { value: 74, samples: 10 },
            { value: 0, samples: 30 },
          ],
        },
      ],
      expect: [
        { at: "4m", firing: [] },
        { at: "5m", firing: [] },
        { at: "7m", firing: ["SequenceRegressed"] },
        { at: "17m", firing: [] },
      ],
    },
    {
      name: "the sampled conversations are sound, but redisops’ own counter went back",
      faults: [
        {
          metric: "redisops_sequence_canary_regressions_total",
          labels: sequence,
          runs: [
            { value: 0, samples: 5 },
            { value: 1, samples: 1 },
            { value: 0, samples: 40 },
          ],
        },
      ],
      expect: [
        { at: "4m", firing: [] },
        { at: "8m", firing: ["SequenceRegressed"] },
        { at: "25m", firing: [] },
      ],
    },
    {
      name: "an application finds a counter below what it had seen",
      faults: [
        {
          metric: "redisops_sequence_regressions_total",
          labels: sequence,
          runs: [
            { value: 0, samples: 5 },
            { value: 12, samples: 1 },
            { value: 0, samples: 40 },
          ],
        },
      ],
      expect: [
        { at: "8m", firing: ["SequenceRegressed"] },
        { at: "25m", firing: [] },
      ],
    },
    {
      name: "a planned failover that loses nothing",
      faults: [
        {
          metric: "redisops_sequence_canary_ratio",
          labels: sequence,
          runs: [
            { value: 1, samples: 5 },
            { value: 0, samples: 1 },
            { value: 1, samples: 30 },
          ],
        },
        {
          metric: "redisops_sequence_conversations_regressed_ratio",
          labels: sequence,
          runs: [
            { value: 0, samples: 5 },
            { value: "stale", samples: 1 },
            { value: 0, samples: 30 },
          ],
        },
      ],
      expect: [
        { at: "5m", firing: [] },
        { at: "10m", firing: [] },
      ],
    },
    {
      name: "counters that went back before anybody watched: the process restarts with its counts",
      faults: [
        {
          metric: "redisops_sequence_regressions_total",
          labels: sequence,
          runs: [
            { value: 40, samples: 1 },
            { value: 0, samples: 60 },
          ],
        },
      ],
      expect: [{ at: "20m", firing: [] }],
    },
  ],
  example: {
    labels: sequence,
    summary: "Sequence counters are below ids that are in use: message ids repeat",
    description:
      "38% of the sampled conversations have a counter below the highest sequence number that Postgres holds of them. The next messages get ids that older messages have.",
  },
};
