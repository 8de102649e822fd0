import { defaultExposureBytes, exposureLine } from "../../../core/exposures/exposure.ts";
import { bulkheadDefaults } from "../../../fallbacks/guard/bulkhead-defaults.ts";
import { defaultedWhileWarming, secondsToWarm, servedAtMost, turnedAway } from "../closed-forms.ts";
import { cacheDown, cacheEmpty, filledShare } from "../experiments/preferences.ts";
import { failure, type Row } from "../failure.ts";
import type { Figures } from "../figures.ts";

const { maxConcurrent, maxQueued, deadlineMs } = bulkheadDefaults;
const deadlineSeconds = deadlineMs / 1_000;
const perMinute = 60;

/** Bytes of a line with ids as long as a UUID. */
const exposureBytes = exposureLine({
  userId: "0".repeat(36),
  channel: "email",
  notificationId: "0".repeat(36),
  at: 0,
}).length;

const platformNeeds = [
  "notifications_per_second",
  "workers",
  "postgres_reads_per_second",
  "postgres_read_seconds",
] as const;

const platformOf = (
  values: Readonly<Record<(typeof platformNeeds)[number], number>>,
  connections: number | undefined,
) => ({
  notifications: values.notifications_per_second,
  workers: values.workers,
  reads: values.postgres_reads_per_second,
  readSeconds: values.postgres_read_seconds,
  connections,
});

/** What follows for people when so many notifications a second are decided without preferences. */
function exposureRows(defaulted: number, simulated: number, optedOut: number, workers: number): Row[] {
  return [
    {
      id: "opted_out_people_notified",
      what: "people who opted out and are notified",
      unit: "per minute",
      bound: "at least",
      value: defaulted * optedOut * perMinute,
      simulated: simulated * optedOut * perMinute,
      formula: "defaulted × opted_out_ratio × 60",
      source: "definition",
    },
    {
      id: "exposure_record_full",
      what: "until a worker's record of them is full",
      unit: "seconds",
      bound: "at most",
      value: defaulted > 0 ? (defaultExposureBytes * workers) / (defaulted * exposureBytes) : null,
      simulated: simulated > 0 ? (defaultExposureBytes * workers) / (simulated * exposureBytes) : null,
      formula: `${defaultExposureBytes / 2 ** 20} MiB × workers / (defaulted × ${exposureBytes} bytes)`,
      source: "docs/preferences.md, exposures",
    },
  ];
}

/** What can be done before the day comes on which Postgres is asked for more than it serves. */
function overloadNotes(tooManyWorkers: boolean): string[] {
  return [
    "The bulkheads keep Postgres alive; what its answers cannot cover is decided by default. Fewer bulk notifications or a faster Postgres change that.",
    ...(tooManyWorkers
      ? [
          "The reads that run in all bulkheads at once take longer than their deadline: some are cancelled, and breakers open. A lower bulkhead.maxConcurrent wastes fewer.",
        ]
      : []),
  ];
}

/** The preferences cache gives no answer. */
export function preferencesCacheDown(figures: Figures, seed: number) {
  const connections = figures.values.postgres_connections?.value;
  return failure(
    {
      id: "preferences-cache-down",
      title: "The preferences cache is down",
      role: "preferences",
      modes: ["PreferencesCacheDown", "PreferencesDefaulting", "PostgresPoolSaturated"],
    },
    [...platformNeeds, "cache_hit_ratio", "opted_out_ratio"],
    (values) => {
      const {
        notifications_per_second: load,
        postgres_reads_per_second: capacity,
        workers,
        postgres_read_seconds: readSeconds,
      } = values;
      const outcome = cacheDown(platformOf(values, connections), seed);
      const defaultedShare = 1 - servedAtMost(load, capacity);
      const held = workers * maxConcurrent;
      const fitting = (capacity * deadlineSeconds) / maxConcurrent;
      const rows: Row[] = [
        {
          id: "postgres_reads_wanted",
          what: "reads that Postgres is asked for",
          unit: "per second",
          value: load,
          formula: `notifications_per_second; ${(values.cache_hit_ratio * 100).toFixed(1)} % of it was the cache's`,
          source: "each notification reads once",
        },
        {
          id: "postgres_overload",
          what: "of what Postgres serves",
          unit: "times",
          value: load / capacity,
          formula: "notifications_per_second / postgres_reads_per_second",
          source: "definition",
        },
        {
          id: "served_by_postgres",
          what: "reads that Postgres answers",
          unit: "per second",
          bound: "at most",
          value: Math.min(load, capacity),
          simulated: outcome.readsPerSecond,
          formula: "min(notifications_per_second, postgres_reads_per_second)",
          source: "throughput law",
        },
        {
          id: "defaulted_ratio",
          what: "notifications decided by default",
          unit: "ratio",
          bound: "at least",
          value: defaultedShare,
          simulated: outcome.defaulted,
          formula: "1 − postgres_reads_per_second / notifications_per_second",
          source: "throughput law",
        },
        ...exposureRows(defaultedShare * load, outcome.defaulted * load, values.opted_out_ratio, workers),
        {
          id: "bulkhead_turned_away_ratio",
          what: "turned away by a worker's bulkhead alone, Postgres idle",
          unit: "ratio",
          bound: "about",
          value: turnedAway((load / workers) * readSeconds, maxConcurrent, maxConcurrent + maxQueued),
          formula: `M/M/${maxConcurrent}/${maxConcurrent + maxQueued} at notifications_per_second / workers`,
          source: "Kleinrock, Queueing Systems I",
        },
        {
          id: "postgres_wait",
          what: "a read's time while all bulkheads are full",
          unit: "seconds",
          bound: "about",
          value: held / capacity,
          formula: `workers × ${maxConcurrent} / postgres_reads_per_second`,
          source: "Little's law",
        },
        {
          id: "workers_that_fit",
          what: "workers whose reads end before their deadline",
          unit: "count",
          bound: "about",
          value: Math.floor(fitting),
          formula: `postgres_reads_per_second × ${deadlineMs} ms / ${maxConcurrent}`,
          source: "Little's law",
        },
      ];
      return {
        rows,
        experiments: [outcome.experiment],
        notes: load <= capacity ? [] : overloadNotes(workers > fitting),
      };
    },
  )(figures);
}

/** The preferences cache has come back without its entries. */
export function preferencesCacheEmpty(figures: Figures, seed: number) {
  const connections = figures.values.postgres_connections?.value;
  return failure(
    {
      id: "preferences-cache-empty",
      title: "The preferences cache is back, and empty",
      role: "preferences",
      modes: ["PreferencesDefaulting", "PostgresPoolSaturated"],
    },
    [...platformNeeds, "notified_people", "opted_out_ratio", "warm_reads_per_second"],
    (values) => {
      const {
        notifications_per_second: load,
        postgres_reads_per_second: capacity,
        notified_people: people,
      } = values;
      const outcome = cacheEmpty(platformOf(values, connections), people, values.warm_reads_per_second, seed);
      const defaulted = load > capacity ? defaultedWhileWarming(people, load, capacity) : 0;
      const rows: Row[] = [
        {
          id: "filled_by_readers",
          what: `until it answers ${filledShare * 100} % again, by its readers alone`,
          unit: "seconds",
          bound: "at least",
          value: secondsToWarm(people, load, capacity, filledShare),
          simulated: outcome.lazily.seconds ?? null,
          formula: `${filledShare} × notified_people / postgres_reads_per_second, while Postgres is short`,
          source: "each answered miss is an entry",
        },
        {
          id: "filled_with_recovery",
          what: "the same with redisops recover preferences",
          unit: "seconds",
          bound: "at least",
          value: secondsToWarm(people, load, capacity + values.warm_reads_per_second, filledShare),
          simulated: outcome.warmed.seconds ?? null,
          formula: "the same, with warm_reads_per_second added",
          source: "the recovery's reads come 500 to a statement",
        },
        {
          id: "defaulted_while_filling",
          what: "notifications decided by default meanwhile",
          unit: "count",
          bound: "at least",
          value: defaulted,
          simulated: outcome.lazily.defaulted,
          formula: "(load − capacity) × time until Postgres serves all misses / 2",
          source: "area under the misses",
        },
        {
          id: "opted_out_while_filling",
          what: "of those to people who opted out",
          unit: "count",
          bound: "at least",
          value: defaulted * values.opted_out_ratio,
          simulated: outcome.lazily.defaulted * values.opted_out_ratio,
          formula: "the same × opted_out_ratio",
          source: "definition",
        },
        {
          id: "opted_out_with_recovery",
          what: "the same with redisops recover preferences",
          unit: "count",
          value: null,
          simulated: outcome.warmed.defaulted * values.opted_out_ratio,
          formula: "by simulation only",
          source: "the recovery's own ramp",
        },
      ];
      return { rows, experiments: [outcome.experiment] };
    },
  )(figures);
}

/** One shard of the cache gives no answer. */
export const preferencesShardDown = failure(
  {
    id: "preferences-shard-down",
    title: "One shard of the preferences cache is down",
    role: "preferences",
    modes: ["RedisShardDown", "PreferencesCacheDown"],
  },
  [
    "notifications_per_second",
    "preferences_shards",
    "postgres_reads_per_second",
    "opted_out_ratio",
    "cache_hit_ratio",
  ],
  ({
    notifications_per_second: load,
    preferences_shards: shards,
    postgres_reads_per_second: capacity,
    opted_out_ratio: optedOut,
    cache_hit_ratio: hits,
  }) => {
    const reads = load / shards + (load - load / shards) * (1 - hits);
    const defaulted = Math.max(0, reads - capacity);
    return {
      rows: [
        {
          id: "shard_reads_wanted",
          what: "reads that Postgres is asked for",
          unit: "per second",
          value: reads,
          formula: "load / preferences_shards, and the misses of the others",
          source: "keys are spread evenly",
        },
        {
          id: "shard_defaulted_ratio",
          what: "notifications decided by default",
          unit: "ratio",
          bound: "at least",
          value: defaulted / load,
          formula: "(reads − postgres_reads_per_second) / notifications_per_second",
          source: "throughput law",
        },
        {
          id: "shard_opted_out_people_notified",
          what: "people who opted out and are notified",
          unit: "per minute",
          bound: "at least",
          value: defaulted * optedOut * perMinute,
          formula: "defaulted × opted_out_ratio × 60",
          source: "definition",
        },
      ],
    };
  },
);
