import type { DegradationMode } from "../mode.ts";

const role = "preferences";
const entries = "redisops_preference_sampled_entries";

/** What the cache holds for the hundred people who are sampled, for so many minutes. */
const sampled = (state: string, healthy: number, faulty: number) => ({
  metric: entries as "redisops_preference_sampled_entries",
  labels: { role, state },
  runs: [
    { value: healthy, samples: 3 },
    { value: faulty, samples: 7 },
    { value: healthy, samples: 10 },
  ],
});

export const PreferencesStale: DegradationMode = {
  id: "PreferencesStale",
  title: "Cached preferences contradict Postgres",
  role,
  board: "redisops-preferences",
  severity: "page",
  nature: "symptom",
  origin:
    "An opt-out that is committed at 9:00:00 must be honoured at 9:00:01; that is why preferences are kept in Postgres. An entry that missed a change and does not know it breaks that promise until it expires, without any error.",
  signal: {
    kind: "threshold",
    measure: { metric: entries, where: { role, state: "stale" } },
    over: { metric: entries, where: { role } },
    aggregate: "sum",
    by: ["role"],
    comparison: ">",
    limit: "stale_ratio",
  },
  thresholds: {
    for: {
      value: "1m",
      unit: "duration",
      reason:
        "Four scrapes at 15 s, each with a sample of its own: an entry that somebody has just deleted is no reason to wake anybody.",
    },
    stale_ratio: {
      value: 0,
      unit: "ratio",
      reason:
        "One is one too many: the cache is read before the rows, and an entry counts only when no change explains the difference, so that no race makes one: in a test that writes all the time this order took none for stale, the other order 51.",
    },
  },
  summary: "{{ $value | humanizePercentage }} of the sampled cache entries contradict their row in Postgres",
  description:
    "{{ $value | humanizePercentage }} of the cache entries of people who changed their preferences within the last hour claim to reflect the change and say something else than Postgres. Workers believe them: an opt-out that is in Postgres is not honoured.",
  userImpact:
    "Some people who opted out are notified again, until their entry expires, up to an hour and a tenth later; some who opted in again miss what they asked for.",
  containment:
    "None for these entries: they look current, so nobody asks Postgres. Entries that are merely older than a change are recognised by their readers and read anew (redisops_preference_stale_entries_total).",
  aggravators: [
    "Flushing the whole cache at peak: 5 million reads a second arrive at a Postgres that serves 50,000, and far more people are assumed opted in than have a stale entry.",
    "Raising ttlSeconds: wrong entries live longer.",
    "Importing or correcting preferences with session_replication_role = replica or with triggers switched off: each row so written makes a further wrong entry.",
  ],
  normal:
    'redisops_preference_sampled_entries{role="preferences",state="stale"} is 0 in every scrape. outdated and missing are harmless, and redisops_preference_stale_entries_total rises with every change of a person who is cached.',
  frequency:
    "After changes that went past the triggers, a Postgres failover that lost commits, or when another program writes these keys; never in a month without such an event.",
  prevention:
    "Change preferences through the table that has the triggers, set them to ENABLE ALWAYS, and flush the cache, off-peak, as a part of every Postgres failover that lost commits and of every restore.",
  topologies: {
    cluster:
      "A write that a shard’s failover loses makes an entry outdated, not stale: entries carry the snapshot that they were read from, and nothing is expected of the cache.",
  },
  diagnosis: [
    {
      command: "redisops status --role preferences",
      shows: [
        "…stale entries … of … recently changed;…",
        "  PreferencesStale: Cached preferences contradict Postgres",
      ],
      branches: [
        {
          observed: "a few stale entries, and somebody has just corrected preferences by hand or by a job",
          conclusion:
            "That program bypassed the triggers. Stop it, then run redisops recover preferences: it compares every entry with its row and deletes those that differ.",
        },
        {
          observed: "most sampled entries stale, after a failover or restore of Postgres",
          conclusion:
            "Commits were lost, and the transaction ids in the entries are from a past that does not exist any more. redisops recover preferences finds them by that and deletes them; do not flush.",
        },
        {
          observed: "entries of unknown layout as well",
          conclusion:
            "Another program writes keys of the same pattern. Compare roles.preferences.key with the other applications’.",
        },
      ],
    },
    {
      command: "redisops status --role postgres",
      shows: ["  answers in … ms; connections … of 97; active …"],
      branches: [
        {
          observed: "state “ok”, connections below half of their limit",
          conclusion: "Postgres can take the reads that deleted entries cost. Run the command now.",
        },
        {
          observed: "clients wait, or connections are near their limit",
          conclusion:
            "The run reads slowly and waits while Postgres is slow (recovery.limits). Hold it lower still with --max-rate 200, and do not flush.",
        },
      ],
    },
  ],
  remedy: {
    kind: "command",
    command: "redisops recover preferences",
    planShows: [
      "  cache             … keys; of … sampled entries … differ from their row (… without a known change),…",
      "  looks at          every entry, because … of … sampled entries contradict their row, and no change on record explains it",
      "Nothing was changed. To carry it out: redisops recover preferences --execute…",
    ],
    executeShows: [
      "Done in … s. Verification holds:",
      "  wrong             0 of … sampled entries are believed although they contradict their row",
      "  PreferencesStale  does not hold",
    ],
    proof: 'redisops_preference_sampled_entries{role="preferences",state="stale"} is 0 again.',
    within:
      "one scrape after the run ends. Comparing every entry costs a read of Postgres each, a quarter of what it serves: an hour for tens of millions",
    rollback: "None is needed: a deleted entry is read anew from Postgres.",
    whenItFails:
      "If stale entries come back, they are still being written: the triggers do not fire, or the workers read from a replica. Compare the four triggers on the preferences table with docs/preferences.md and point the workers at the primary. Who was notified against an opt-out meanwhile is not on record here: the workers did not know better.",
  },
  drill: { kind: "lab", inject: ["stale-preferences"] },
  inhibits: [],
  panels: ["preference-entries", "preference-reads", "preference-hit-ratio"],
  scenarios: [
    {
      name: "opt-outs are written past the triggers, then the entries are deleted",
      faults: [sampled("stale", 0, 40), sampled("current", 60, 20)],
      expect: [
        { at: "2m", firing: [] },
        { at: "3m", firing: [] },
        { at: "5m", firing: ["PreferencesStale"] },
        { at: "12m", firing: [] },
      ],
    },
    {
      name: "a single wrong entry among a hundred",
      faults: [sampled("stale", 0, 1), sampled("current", 60, 59)],
      expect: [
        { at: "6m", firing: ["PreferencesStale"] },
        { at: "12m", firing: [] },
      ],
    },
    {
      name: "the cache was away while people changed their minds: entries are outdated, readers know",
      faults: [
        sampled("outdated", 10, 70),
        sampled("current", 60, 0),
        {
          metric: "redisops_preference_stale_entries_total",
          labels: { role },
          runs: [
            { value: 30, samples: 3 },
            { value: 2_000, samples: 7 },
            { value: 30, samples: 10 },
          ],
        },
      ],
      expect: [
        { at: "6m", firing: [] },
        { at: "9m", firing: [] },
      ],
    },
    {
      name: "nobody changed anything within the hour",
      faults: [sampled("current", 60, 0), sampled("outdated", 10, 0), sampled("missing", 30, 0)],
      expect: [{ at: "8m", firing: [] }],
    },
  ],
  example: {
    labels: { role },
    summary: "40% of the sampled cache entries contradict their row in Postgres",
    description:
      "40% of the cache entries of people who changed their preferences within the last hour claim to reflect the change and say something else than Postgres. Workers believe them: an opt-out that is in Postgres is not honoured.",
  },
};
