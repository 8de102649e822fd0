import { episode } from "../episode.ts";
import type { DegradationMode } from "../mode.ts";

export const BloomCold: DegradationMode = {
  id: "BloomCold",
  title: "Deduplication filter forgot what was sent",
  role: "dedup",
  board: "redisops-dedup",
  severity: "page",
  nature: "symptom",
  origin:
    "After an outage the filter has to be filled again before deduplication resumes. A server that is up but empty answers “not sent” to everything.",
  signal: {
    kind: "threshold",
    measure: { metric: "redisops_bloom_canary_absent_ratio", where: { role: "dedup" } },
    aggregate: "max",
    by: ["role"],
    comparison: ">",
    limit: "absent_ratio",
    and: {
      kind: "threshold",
      measure: { metric: "redisops_bloom_canary_ids", where: { role: "dedup" } },
      aggregate: "max",
      by: ["role"],
      comparison: ">",
      limit: "min_canaries",
    },
  },
  thresholds: {
    for: {
      value: "1m",
      unit: "duration",
      reason:
        "A minute spans at least two random samples of ids: one is kept for 30 seconds, longer only while Postgres does not answer. A real loss does not heal by itself.",
    },
    absent_ratio: {
      value: 0.05,
      unit: "ratio",
      reason:
        "A filter never forgets an id that it took, so a complete one shows 0. Ids sent during a short filter outage are absent for good: a 30-minute outage is 2 % of a 24-hour window and must not page.",
    },
    min_canaries: {
      value: 20,
      unit: "count",
      reason: "Below that a single id that was sent during an outage would pass the limit.",
    },
  },
  summary: "Deduplication filter does not know {{ $value | humanizePercentage }} of the ids known to be sent",
  description:
    "The filter’s server answers, but {{ $value | humanizePercentage }} of the sampled ids that Postgres has as sent are absent from it: it restarted empty, lost data or was rebuilt incompletely. Duplicates pass.",
  userImpact: "Retries and replays reach people a second time, although everything looks “up”.",
  containment:
    "Delivery continues; new ids are still added, so the damage is limited to what was sent before the loss.",
  aggravators: [
    "Replaying queues before the filter is rebuilt: every replayed notification passes the check.",
    "Restarting the filter’s server again: it loses what it has learned since.",
  ],
  normal:
    "redisops_bloom_canary_absent_ratio is 0; for a window after an outage of the filter it is the outage’s share of the window.",
  frequency:
    "After a restart without persistence, a failover to an empty replica, a deleted key or a restored backup; none in a month without such an event.",
  prevention:
    "Give the filter’s server an append-only file and a replica, eviction policy noeviction, and rebuild a cold replica before it is promoted (RedisReplicaLost).",
  topologies: {
    standalone: "A restart without persistence always ends here: rebuild before anything is replayed.",
    sentinel:
      "A promoted replica knows what had reached it: seconds are missing at most. When everything is, the primary came back empty before it was declared down, and its replica copied the emptiness.",
  },
  diagnosis: [
    {
      command: "redisops status --role dedup",
      shows: [
        "…known-sent ids absent … of …",
        "  BloomCold: Deduplication filter forgot what was sent",
        "    run: redisops recover bloom…",
      ],
      branches: [
        {
          observed: "“known-sent ids absent” about 100 %",
          conclusion:
            "The filter is empty or another key is read. Check roles.dedup.filter.key, then run redisops recover bloom.",
        },
        {
          observed: "“known-sent ids absent” about 100 %, and a replica is listed with 0 %",
          conclusion:
            "The replica still has them. Promote it now (`SENTINEL FAILOVER`), before it copies the primary; then no rebuild is needed.",
        },
        {
          observed: "“known-sent ids absent” between 5 % and 95 %",
          conclusion:
            "A part of the window was lost, or a long outage was sent through unchecked. A rebuild closes the gap.",
        },
      ],
    },
    {
      command: "redisops recover bloom",
      shows: [
        "  source       Postgres notifications.id, last 24h: … ids",
        "  live filter  …; … of … sampled ids absent",
        '  new filter   bitmap "{dedup:sent}", 2,000,000 ids at 0.10 % false positives, 3.4 MiB',
        "Nothing was changed. To carry it out: redisops recover bloom --execute…",
      ],
      branches: [
        {
          observed: "the plan shows ids in the source and no refusal",
          conclusion: "Run it again with --execute.",
        },
        {
          observed: "FILTER_TOO_SMALL",
          conclusion:
            "Raise roles.dedup.filter.capacity to what the plan shows, deploy it to the workers, then rebuild.",
        },
        {
          observed: "MEMORY_SHORT",
          conclusion: "Raise maxmemory first: the new filter is built beside the live one.",
        },
      ],
    },
  ],
  remedy: {
    kind: "command",
    command: "redisops recover bloom",
    planShows: [
      "  source       Postgres notifications.id, last 24h: … ids",
      "  live filter  …; … of … sampled ids absent",
      '  new filter   bitmap "{dedup:sent}", 2,000,000 ids at 0.10 % false positives, 3.4 MiB',
      "Nothing was changed. To carry it out: redisops recover bloom --execute…",
    ],
    executeShows: [
      "  3. swap it in atomically, merged with what the live filter has learned",
      "Done in … s. Verification holds:",
      "  false negatives        0.000 % (0 of … known-sent ids absent)",
      "  modes that still hold  none",
    ],
    proof: "redisops_bloom_canary_absent_ratio returns to 0.",
    within: "one scrape after the run ends; the rebuild itself takes about a second for several million ids",
    rollback:
      "None is needed: the filter is built under a shadow key and swapped in at once, keeping what the live filter learned. A run that fails leaves the live filter as it was.",
    whenItFails:
      "The message names the cause and the live filter is untouched: mend the cause and run it again. If Postgres is the cause, what was sent before the loss stays unknown until it is back; new ids are checked and delivery goes on. Exit code 7: the filter was swapped in and still misses ids, so Postgres knows less than was sent; look whether its table is complete.",
  },
  drill: {
    kind: "lab",
    inject: ["restart-empty --role dedup"],
    alsoFires: {
      DegradedDecisionsBudgetBurn: "While the server starts again the workers do without it for a moment.",
    },
  },
  inhibits: [],
  panels: ["bloom-canaries", "bloom-ids", "bloom-replica-canaries", "bloom-age"],
  scenarios: [
    {
      name: "the filter restarts empty and is rebuilt",
      faults: [
        episode("redisops_bloom_canary_absent_ratio", { role: "dedup" }, 0, 0.995),
        episode("redisops_bloom_false_positive_ratio", { role: "dedup" }, 0.004, 0),
      ],
      expect: [
        { at: "2m", firing: [] },
        { at: "3m", firing: [] },
        { at: "5m", firing: ["BloomCold"] },
        { at: "12m", firing: [] },
      ],
    },
    {
      name: "ids sent during a 30-minute outage stay absent",
      faults: [
        {
          metric: "redisops_bloom_canary_absent_ratio",
          labels: { role: "dedup" },
          runs: [{ value: 0.02, samples: 30 }],
        },
      ],
      expect: [{ at: "25m", firing: [] }],
    },
    {
      name: "a platform that has sent almost nothing yet",
      faults: [
        {
          metric: "redisops_bloom_canary_absent_ratio",
          labels: { role: "dedup" },
          runs: [{ value: 1, samples: 30 }],
        },
        { metric: "redisops_bloom_canary_ids", labels: { role: "dedup" }, runs: [{ value: 2, samples: 30 }] },
      ],
      expect: [{ at: "25m", firing: [] }],
    },
  ],
  example: {
    labels: { role: "dedup" },
    summary: "Deduplication filter does not know 99.5% of the ids known to be sent",
    description:
      "The filter’s server answers, but 99.5% of the sampled ids that Postgres has as sent are absent from it: it restarted empty, lost data or was rebuilt incompletely. Duplicates pass.",
  },
};
