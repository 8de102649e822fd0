import type { FilterConfig } from "../../core/config/redis-section.ts";
import { BitmapFilter, configuredLayout } from "../../core/filter/bitmap-filter.ts";
import type { Filter, FilterState } from "../../core/filter/filter.ts";

/** What becomes of the ids that the live filter knows: they are merged into the new one, or why not. */
export type LiveMerge = "merged" | "no live filter" | "other shape" | "saturated";

/**
 * Decides whether a new filter takes in what the live one has learned. A saturated filter is not merged: all of its
 * bits would come along, and the new filter would be saturated from the start.
 */
export async function mergesLive(live: Filter, state: FilterState, config: FilterConfig): Promise<LiveMerge> {
  if (!state.exists) return "no live filter";
  if (!(live instanceof BitmapFilter)) return "other shape";
  const [former, own] = [await live.layout(), configuredLayout(config)];
  if (
    former.hashes !== own.hashes ||
    former.shards !== own.shards ||
    former.bitsPerShard !== own.bitsPerShard ||
    !(await live.fits())
  ) {
    return "other shape";
  }
  const saturated = state.falsePositiveRatio > config.error_rate || state.estimatedIds > config.capacity;
  return saturated ? "saturated" : "merged";
}
