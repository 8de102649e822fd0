import { type Sample, sample } from "../samples.ts";
import type { FilterState } from "./filter.ts";

const labels = { role: "dedup" } as const;

/** The contract's metrics of a filter's shape and fill. */
export function filterStateSamples(state: FilterState): Sample[] {
  return [
    sample("redisops_bloom_fill_ratio", labels, state.fillRatio),
    sample("redisops_bloom_fill_standard_error_ratio", labels, state.fillStandardError),
    sample("redisops_bloom_size_bytes", labels, state.sizeBytes),
    sample("redisops_bloom_capacity_ids", labels, state.capacity),
    sample("redisops_bloom_estimated_ids", labels, state.estimatedIds),
    sample("redisops_bloom_false_positive_ratio", labels, state.falsePositiveRatio),
    sample("redisops_bloom_target_false_positive_ratio", labels, state.targetFalsePositiveRatio),
    ...(state.createdMs === undefined
      ? []
      : [sample("redisops_bloom_created_timestamp_seconds", labels, state.createdMs / 1000)]),
  ];
}

/** The contract's metrics of looking up known-sent ids; no ratio without ids. */
export function canarySamples(present: readonly boolean[]): Sample[] {
  const absent = present.filter((found) => !found).length;
  return [
    sample("redisops_bloom_canary_ids", labels, present.length),
    ...(present.length === 0
      ? []
      : [sample("redisops_bloom_canary_absent_ratio", labels, absent / present.length)]),
  ];
}

/** The contract's metric of looking up ids that were never sent; none without ids. */
export function measuredSamples(present: readonly boolean[]): Sample[] {
  if (present.length === 0) return [];
  const found = present.filter((known) => known).length;
  return [sample("redisops_bloom_measured_false_positive_ratio", labels, found / present.length)];
}
