import type { Read } from "./read.ts";

const milliseconds = (seconds: number) => `${(seconds * 1000).toFixed(1)} ms`;
const states = ["current", "outdated", "stale", "missing", "unknown_layout"];

function entryFacts(read: Read): string[] {
  const counts = states.map((state) => read("redisops_preference_sampled_entries", { state }));
  const [, outdated = 0, stale = 0, , foreign = 0] = counts;
  const sampled = counts.reduce<number>((total, count) => total + (count ?? 0), 0);
  if (counts[0] === undefined || sampled === 0) return [];
  return [
    `stale entries ${stale} of ${sampled} recently changed`,
    ...(outdated > 0 ? [`outdated ${outdated} (read anew)`] : []),
    ...(foreign > 0 ? [`of unknown layout ${foreign}`] : []),
  ];
}

/** What on-call needs of the preferences cache, and of Postgres behind it, one fact each. */
export function preferencesFacts(read: Read): string[] {
  const cache = read("redisops_preference_probe_read_seconds", { source: "cache" });
  const postgres = read("redisops_preference_probe_read_seconds", { source: "postgres" });
  const declared = read("redisops_preference_read_capacity", { source: "declared" });
  const capacity = declared ?? read("redisops_preference_read_capacity", { source: "measured" });
  return [
    ...entryFacts(read),
    ...(cache === undefined ? [] : [`cache read ${milliseconds(cache)}`]),
    ...(postgres === undefined ? [] : [`Postgres read ${milliseconds(postgres)}`]),
    ...(capacity === undefined
      ? []
      : [
          `Postgres serves ${declared === undefined ? "about " : ""}${Math.round(capacity).toLocaleString("en-US")} reads/s`,
        ]),
  ];
}
