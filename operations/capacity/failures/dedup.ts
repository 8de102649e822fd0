import { filterBytes } from "../closed-forms.ts";
import { failure } from "../failure.ts";

const perMinute = 60;

/** The deduplication filter gives no answer. */
export const dedupDown = failure(
  { id: "dedup-down", title: "The deduplication filter is down", role: "dedup", modes: ["DedupSkipped"] },
  ["notifications_per_second", "repeated_ratio", "outage_seconds"],
  ({ notifications_per_second: load, repeated_ratio: repeated, outage_seconds: outage }) => ({
    rows: [
      {
        id: "duplicates",
        what: "duplicates sent",
        unit: "per minute",
        value: load * repeated * perMinute,
        formula: "notifications_per_second × repeated_ratio × 60",
        source: "each repetition goes out",
      },
      {
        id: "duplicates_in_outage",
        what: "in the whole outage",
        unit: "count",
        value: load * repeated * outage,
        formula: "notifications_per_second × repeated_ratio × outage_seconds",
        source: "each repetition goes out",
      },
    ],
  }),
);

/** The filter is up and knows nothing of what was sent. */
export const dedupCold = failure(
  {
    id: "dedup-cold",
    title: "The deduplication filter has lost its ids",
    role: "dedup",
    modes: ["BloomCold"],
  },
  ["notifications_per_second", "repeated_ratio", "sent_ids", "rebuild_ids_per_second", "filter_error_ratio"],
  ({
    notifications_per_second: load,
    repeated_ratio: repeated,
    sent_ids: ids,
    rebuild_ids_per_second: rate,
    filter_error_ratio: errors,
  }) => ({
    rows: [
      {
        id: "rebuild",
        what: "rebuild by redisops recover bloom, one process",
        unit: "seconds",
        bound: "about",
        value: ids / rate,
        formula: "sent_ids / rebuild_ids_per_second",
        source: "definition; several machines share it",
      },
      {
        id: "duplicates_until_rebuilt",
        what: "duplicates sent until then",
        unit: "count",
        bound: "at most",
        value: (load * repeated * ids) / rate,
        formula: "notifications_per_second × repeated_ratio × rebuild",
        source: "as if no repetition came within the outage",
      },
      {
        id: "filter_bytes",
        what: "memory of a filter for these ids",
        unit: "bytes",
        bound: "at least",
        value: filterBytes(ids, errors),
        formula: "sent_ids × ln(1 / filter_error_ratio) / ln(2)² / 8",
        source: "Bloom 1970",
      },
    ],
  }),
);

/** The filter holds more than it was sized for. */
export const dedupSaturated = failure(
  {
    id: "dedup-saturated",
    title: "The deduplication filter is full",
    role: "dedup",
    modes: ["BloomSaturated"],
  },
  ["notifications_per_second", "filter_error_ratio", "filter_capacity_ids", "sent_ids"],
  ({
    notifications_per_second: load,
    filter_error_ratio: errors,
    filter_capacity_ids: capacity,
    sent_ids: ids,
  }) => ({
    rows: [
      {
        id: "suppressed",
        what: "new notifications that are not sent",
        unit: "per minute",
        bound: "about",
        value: load * errors * perMinute,
        formula: "notifications_per_second × filter_error_ratio × 60",
        source: "the filter's target at its capacity",
      },
      {
        id: "until_full",
        what: "until it is full",
        unit: "seconds",
        bound: "about",
        value: Math.max(0, capacity - ids) / load,
        formula: "(filter_capacity_ids − sent_ids) / notifications_per_second",
        source: "at the present rate, without a rebuild",
      },
    ],
  }),
);
