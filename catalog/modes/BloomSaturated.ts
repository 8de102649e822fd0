import type { DegradationMode } from "../mode.ts";

export const BloomSaturated: DegradationMode = {
  id: "BloomSaturated",
  title: "Deduplication filter over its false-positive target",
  role: "dedup",
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
  normal: "redisops_bloom_false_positive_ratio is below redisops_bloom_target_false_positive_ratio.",
  frequency:
    "When traffic outgrows roles.dedup.filter.capacity, or when the filter is never renewed over its window.",
  prevention: "Size the capacity for the peak of a whole window with half as much again to spare.",
  diagnosis: [
    {
      command: "redisops recover bloom",
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
    proof: "redisops_bloom_false_positive_ratio falls below redisops_bloom_target_false_positive_ratio.",
    within: "one scrape after the run ends",
    rollback: "Set the former capacity again and rebuild. A run that fails leaves the live filter as it was.",
    whenItFails:
      "If real notifications must get through at once, stop the workers’ dedup check (they then accept duplicates) until a rebuild succeeds.",
  },
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
