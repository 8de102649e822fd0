import { parseDuration } from "../../../core/duration.ts";
import { recoveryCommands } from "../../../recovery/options.ts";
import { ReadRamp } from "../../../recovery/preferences/read-ramp.ts";
import { secondsToWarm } from "../closed-forms.ts";
import type { Experiment } from "../failure.ts";
import { type PostgresShape, type PreferencesPoint, simulatePreferences } from "../simulation/preferences.ts";

/** The platform as far as the preferences go. Rates are per second. */
export interface PreferencesPlatform {
  readonly notifications: number;
  readonly workers: number;
  readonly reads: number;
  readonly readSeconds: number;
  /** Of a pooler before Postgres, all together. */
  readonly connections: number | undefined;
}

/** What the cache's absence did. */
export interface DownOutcome {
  /** Share of the notifications that were decided without preferences. */
  readonly defaulted: number;
  readonly readsPerSecond: number;
  readonly experiment: Experiment;
}

/** Notifications that are simulated, about: some hundred milliseconds' worth. */
const budget = 400_000;
/** No Node process checks more in a second; more than that for each worker means that there are more workers. */
const mostPerWorker = 20_000;
const downSeconds = 10;
/** The first seconds, in which queues fill and breakers open, do not count. */
const settling = 2;

interface Slice {
  readonly workers: number;
  /** Share of the platform that they are. */
  readonly share: number;
  readonly postgres: PostgresShape;
  readonly words: string;
}

/** Some of the workers, with their share of Postgres: all do the same, so a few show what all do. */
function sliceOf(platform: PreferencesPlatform, seconds: number): Slice {
  const all = Math.max(platform.workers, Math.ceil(platform.notifications / mostPerWorker));
  const perWorker = platform.notifications / all;
  const workers = Math.max(1, Math.min(all, 8, Math.floor(budget / (perWorker * seconds))));
  const share = workers / all;
  return {
    workers,
    share,
    postgres: {
      readsPerSecond: platform.reads * share,
      readMs: platform.readSeconds * 1_000,
      ...(platform.connections === undefined
        ? {}
        : { connections: Math.max(1, Math.round(platform.connections * share)) }),
    },
    words: `${workers} of ${Math.round(all).toLocaleString("en-US")} workers with their share of Postgres`,
  };
}

const totalOf = ({ byCache, byPostgres, byDefault }: PreferencesPoint) => byCache + byPostgres + byDefault;
/** The share of a step's notifications; of none it is none. */
const shareOf = (part: "byCache" | "byDefault", point: PreferencesPoint) =>
  point[part] / Math.max(1e-9, totalOf(point));
const x = { label: "time since the failure, s" };
const share = { label: "share of notifications", domain: [0, 1] as const };

/** The cache gives no answer: everything goes to Postgres, through the workers' bulkheads. */
export function cacheDown(platform: PreferencesPlatform, seed: number): DownOutcome {
  const slice = sliceOf(platform, downSeconds);
  const points = simulatePreferences({
    seed,
    workers: slice.workers,
    notificationsPerSecond: platform.notifications * slice.share,
    postgres: slice.postgres,
    seconds: downSeconds,
    stepSeconds: 0.25,
  });
  const settled = points.filter(({ at }) => at > settling);
  const sum = (of: (point: PreferencesPoint) => number) =>
    settled.reduce((total, point) => total + of(point), 0);
  const defaulted = sum(({ byDefault }) => byDefault) / Math.max(1, sum(totalOf));
  const line = (of: (point: PreferencesPoint) => number) =>
    points.map((point) => [point.at, of(point) / slice.share] as const);
  return {
    defaulted,
    readsPerSecond: sum(({ byPostgres }) => byPostgres) / Math.max(1, settled.length) / slice.share,
    experiment: {
      id: "preferences-cache-down",
      seed,
      scale: `${slice.words}, ${downSeconds} s`,
      plot: {
        title: "Preferences cache down: who decides",
        x,
        y: { label: "notifications per second" },
        series: [
          { name: "read from Postgres", points: line(({ byPostgres }) => byPostgres) },
          { name: "assumed to be opted in", points: line(({ byDefault }) => byDefault) },
        ],
        log: "y",
      },
    },
  };
}

/** An empty cache that fills. */
export interface FillingOutcome {
  /** Seconds until the cache answers nine reads of ten; undefined when that took longer than was simulated. */
  readonly seconds: number | undefined;
  /** Notifications that were decided without preferences meanwhile. */
  readonly defaulted: number;
}

/** What an empty cache did, filled by its readers alone, and by a recovery as well. */
export interface EmptyOutcome {
  readonly lazily: FillingOutcome;
  readonly warmed: FillingOutcome;
  readonly experiment: Experiment;
}

/** The share of reads that the cache answers again when it counts as filled. */
export const filledShare = 0.9;
const emptySteps = 60;
const emptySeconds = 12;

/** The allowance of `redisops recover preferences` over time while Postgres answers quickly, by its own ramp. */
function warmRamp(limit: number): (milliseconds: number) => number {
  let now = 0;
  const ramp = new ReadRamp({
    limit,
    rampMs: parseDuration(recoveryCommands.preferences.options.ramp.default),
    slowMs: Number.POSITIVE_INFINITY,
    now: () => now,
  });
  return (milliseconds) => {
    now = milliseconds;
    ramp.observe(0);
    return ramp.rate;
  };
}

function outcomeOf(
  points: readonly PreferencesPoint[],
  perSecond: number,
  step: number,
  stretch: number,
): FillingOutcome {
  const filled = points.find((point) => shareOf("byCache", point) >= filledShare);
  const before = points.filter(({ at }) => at <= (filled?.at ?? Number.POSITIVE_INFINITY));
  const shares = before.reduce((sum, point) => sum + shareOf("byDefault", point), 0);
  return {
    seconds: filled === undefined ? undefined : filled.at * stretch,
    defaulted: shares * step * stretch * perSecond,
  };
}

/**
 * The cache is up and empty: the thundering herd. Its filling takes minutes to hours, and what happens in the workers
 * milliseconds; so the people are made fewer, and time passes the faster by as much.
 */
export function cacheEmpty(
  platform: PreferencesPlatform,
  people: number,
  warmRate: number,
  seed: number,
): EmptyOutcome {
  const slice = sliceOf(platform, emptySeconds);
  const expected = secondsToWarm(people, platform.notifications, platform.reads, filledShare) * 1.6;
  const stretch = Math.max(1, expected / emptySeconds);
  const seconds = Math.min(expected, emptySeconds);
  const step = seconds / emptySteps;
  const ramp = warmRamp(warmRate);
  const run = (warm: boolean) =>
    simulatePreferences({
      seed,
      workers: slice.workers,
      notificationsPerSecond: platform.notifications * slice.share,
      postgres: slice.postgres,
      emptyCache: {
        users: (people * slice.share) / stretch,
        ...(warm ? { warmRate: (milliseconds: number) => ramp(milliseconds * stretch) * slice.share } : {}),
      },
      seconds,
      stepSeconds: step,
    });
  const lazily = run(false);
  const warmed = run(true);
  const hits = (points: readonly PreferencesPoint[]) =>
    points.map((point) => [point.at * stretch, shareOf("byCache", point)] as const);
  return {
    lazily: outcomeOf(lazily, platform.notifications, step, stretch),
    warmed: outcomeOf(warmed, platform.notifications, step, stretch),
    experiment: {
      id: "preferences-cache-empty",
      seed,
      scale: `${slice.words}; people and time ${Math.round(stretch).toLocaleString("en-US")} times smaller`,
      plot: {
        title: "Preferences cache empty: how it fills",
        x: { label: "time since it came back empty, s" },
        y: { ...share, label: "share of reads that the cache answers" },
        series: [
          { name: "by its readers alone", points: hits(lazily) },
          { name: "with redisops recover preferences", points: hits(warmed) },
        ],
      },
    },
  };
}
