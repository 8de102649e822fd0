import type { DedupConfig } from "../../core/config/redis-section.ts";
import type { Fact } from "../recovery.ts";
import type { SourceSize } from "./id-source.ts";

/** A size for a reader. */
export function mebibytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`;
}

export const count = (value: number) => Math.round(value).toLocaleString("en-US");
export const percent = (ratio: number) => `${(ratio * 100).toFixed(ratio < 0.1 ? 2 : 1)} %`;

/** Room for growth and peaks that an advised capacity has over the ids of a window. */
const headroom = 1.5;
/** A capacity that is nearer to the ids of a window than this has too little room. */
const tight = 1.25;
/** A capacity of more than so many times the ids of a window wastes memory, where that is worth a thought. */
const wasteful = 10;
/** Filters up to this size, in bytes, are never too large. */
const negligible = 2 ** 20;

/** A capacity to write down: two significant digits, rounded up. */
function rounded(ids: number): number {
  const unit = 10 ** Math.max(2, Math.floor(Math.log10(ids)) - 1);
  return Math.ceil(ids / unit) * unit;
}

/** Which capacity the ids of a window ask for, where the configured one is far from it. `bytesOf` sizes a filter. */
export function sizingAdvice(
  { filter }: DedupConfig,
  source: SourceSize,
  bytesOf: (capacity: number) => number,
): Fact[] {
  if (source.ids === 0) return [];
  const { capacity, error_rate } = filter;
  const advised = rounded(source.ids * headroom);
  const what = `a capacity of ${count(advised)} at ${percent(error_rate)} takes ${mebibytes(bytesOf(advised))}`;
  const value =
    capacity < source.ids * tight
      ? `too small: the window holds ${percent(source.ids / capacity)} of the capacity; ${what}`
      : capacity > source.ids * wasteful && bytesOf(capacity) > negligible
        ? `larger than the window needs, by ${count(capacity / source.ids)} times: ${what}, unless the peak is yet to come`
        : `right: the window holds ${percent(source.ids / capacity)} of the capacity`;
  return [{ label: "sizing", value }];
}
