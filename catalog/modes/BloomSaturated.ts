import type { DegradationMode } from "../mode.ts";

export const BloomSaturated: DegradationMode = {
  id: "BloomSaturated",
  title: "Deduplication filter over its false-positive target",
  role: "dedup",
  board: "redisops-dedup",
  severity: "page",
  nature: "symptom",
  origin:
    "A missed notification is worse than a duplicate. A filter that holds more ids than it was sized for takes new notifications for old ones and suppresses them.",
  signal: {
    kind: "threshold",
    measure: { metric: "redisops_bloom_false_positive_ratio", where: { role: "dedup" } },
    over: { metric: "redisops_bloom_target_false_positive_ratio", where: { role: "dedup" } },
    aggregate: "max",
    by: ["role"],
    comparison: ">",
    limit: "target_factor",
  },
  thresholds: {
    for: {
      value: "10m",
      unit: "duration",
      reason: "Saturation grows over hours; ten minutes average out the sampling of large filters.",
    },
    target_factor: {
      value: 1.5,
      unit: "factor",
      reason:
        "Reached about 8 % over capacity. The estimate is fill^k: with 7 hashes a 2 % sampling error of the fill moves it by 15 %, so a limit nearer to 1 would fire on noise.",
    },
  },
  summary:
    "Deduplication filter suppresses {{ $value | humanize }} times as many real notifications as it was sized for",
  description:
    "The estimated false-positive ratio is {{ $value | humanize }} times the target. That share of notifications that were never sent is taken for duplicates and dropped.",
  userImpact: "Some notifications never arrive, one-time passwords and fraud alerts among them.",
  containment: "None: the filter answers, so the workers believe it. This is why it pages.",
  aggravators: [
    "Waiting: the ratio grows with about the seventh power of the fill.",
    "Rebuilding at the same capacity from a source that still holds as many ids.",
  ],
  normal:
    "redisops_bloom_false_positive_ratio is below redisops_bloom_target_false_positive_ratio: a fiftieth of it at half the capacity.",
  frequency:
    "When traffic outgrows roles.dedup.filter.capacity, or when the filter is never renewed over its window: then after days of warning on its board.",
  prevention:
    "Size the capacity for the peak of a whole window with half as much again to spare, and renew the filter once a window with redisops recover bloom.",
  topologies: {
    sentinel: "The replica is a copy and as full: a failover changes nothing.",
  },
  diagnosis: [
    {
      command: "redisops status --role dedup",
      shows: [
        "…estimated ids … of capacity 2,000,000;…",
        "  BloomSaturated: Deduplication filter over its false-positive target",
        "    run: redisops recover bloom…",
      ],
      branches: [
        {
          observed: "estimated ids far above what you send in a window",
          conclusion: "The filter was not renewed: ids of earlier windows are still in it. Rebuild it.",
        },
        {
          observed: "estimated ids near the window’s traffic, above the capacity",
          conclusion: "Traffic outgrew the filter. Raise the capacity first, see the next step.",
        },
        {
          observed: "estimated ids jumped within minutes",
          conclusion:
            "Somebody adds ids of another kind or with another layout: compare redisops_bloom_measured_false_positive_ratio, and the workers’ versions, before you rebuild.",
        },
      ],
    },
    {
      command: "redisops recover bloom",
      shows: [
        "  source       Postgres notifications.id, last 24h: … ids",
        "  live filter  … MiB, about … ids, fill 6… %; … of … sampled ids absent",
        '  new filter   bitmap "{dedup:sent}", 2,000,000 ids at 0.10 % false positives, 3.4 MiB',
        "  3. swap it in atomically, in place of the live filter, not merged with it",
        "Nothing was changed. To carry it out: redisops recover bloom --execute…",
      ],
      branches: [
        {
          observed: "the plan’s source holds no more ids than the new filter is sized for",
          conclusion:
            "The live filter holds ids from outside the window, or has another shape than redisops.yaml says. A rebuild at the same capacity cures it: a saturated filter is not merged into the new one.",
        },
        {
          observed: "FILTER_TOO_SMALL, or a source estimated above what the new filter is sized for",
          conclusion:
            "The filter is too small for the window. Raise roles.dedup.filter.capacity, deploy it to the workers, then run redisops recover bloom --execute.",
        },
      ],
    },
  ],
  remedy: {
    kind: "command",
    command: "redisops recover bloom",
    planShows: [
      "  source       Postgres notifications.id, last 24h: … ids",
      "  live filter  … MiB, about … ids, fill 6… %; … of … sampled ids absent",
      '  new filter   bitmap "{dedup:sent}", 2,000,000 ids at 0.10 % false positives, 3.4 MiB',
      "  3. swap it in atomically, in place of the live filter, not merged with it",
      "Nothing was changed. To carry it out: redisops recover bloom --execute…",
    ],
    executeShows: [
      "Done in … s. Verification holds:",
      "  false positives        … % (… of 10000 never-sent ids present; target 0.100 %)",
      "  modes that still hold  none",
    ],
    proof: "redisops_bloom_false_positive_ratio falls below redisops_bloom_target_false_positive_ratio.",
    within: "one scrape after the run ends",
    rollback: "Set the former capacity again and rebuild. A run that fails leaves the live filter as it was.",
    whenItFails:
      "If it cannot be rebuilt at once, take the filter away from the workers: duplicates are better than misses. Rename its keys (`RENAME` of {key}:meta and each {key}:bits), so that the check begins anew and suppresses nothing; then rebuild without haste.",
  },
  drill: { kind: "lab", inject: ["saturate-filter"] },
  inhibits: [],
  panels: ["bloom-false-positives", "bloom-fill", "bloom-ids", "bloom-size"],
  scenarios: [
    {
      name: "the filter fills beyond its capacity and is rebuilt larger",
      faults: [
        {
          metric: "redisops_bloom_false_positive_ratio",
          labels: { role: "dedup" },
          runs: [
            { value: 0.009, samples: 3 },
            { value: 0.04, samples: 17 },
            { value: 0.002, samples: 10 },
          ],
        },
      ],
      expect: [
        { at: "2m", firing: [] },
        { at: "12m", firing: [] },
        { at: "15m", firing: ["BloomSaturated"] },
        { at: "22m", firing: [] },
      ],
    },
    {
      name: "a sample of a large filter’s fill that is off for a scrape",
      faults: [
        {
          metric: "redisops_bloom_false_positive_ratio",
          labels: { role: "dedup" },
          runs: [
            { value: 0.0105, samples: 20 },
            { value: 0.016, samples: 1 },
            { value: 0.0105, samples: 20 },
          ],
        },
      ],
      expect: [
        { at: "20m", firing: [] },
        { at: "25m", firing: [] },
      ],
    },
    {
      name: "a filter at exactly its capacity",
      faults: [
        {
          metric: "redisops_bloom_false_positive_ratio",
          labels: { role: "dedup" },
          runs: [{ value: 0.0101, samples: 60 }],
        },
      ],
      expect: [{ at: "50m", firing: [] }],
    },
  ],
  example: {
    labels: { role: "dedup" },
    summary: "Deduplication filter suppresses 4 times as many real notifications as it was sized for",
    description:
      "The estimated false-positive ratio is 4 times the target. That share of notifications that were never sent is taken for duplicates and dropped.",
  },
};
