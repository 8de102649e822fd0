import type { DegradationMode } from "../../catalog/mode.ts";
import type { Signal } from "../../catalog/signal.ts";
import { parseDuration } from "../../core/duration.ts";
import { type EffectiveThresholds, effectiveThresholds } from "../../core/signal/thresholds.ts";

/** The longest window in a drill: ten scrapes of the lab. A window of minutes would keep a condition for minutes. */
const window = "20s";

/** Windows with a reason of their own to be longer. */
const own: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  // Its value is looked up once a minute, and each look must see the whole minute before; the server that goes away does so some
  // seconds before the epoch changes, which may be before that minute.
  RedisFailover: { moment: "1m", around: "90s", shown: "1m" },
};

/**
 * Events per second from which a budget's use is concluded in a drill: less than a lab has over seconds, and more than what it has
 * done for half an hour comes to over the day of a ticket, which would fire for hours otherwise.
 */
const concludedFrom = 5;

/** The names of the thresholds that a signal uses as windows. */
function windowNames(signal: Signal): string[] {
  switch (signal.kind) {
    case "threshold":
      return [
        ...(signal.rateWindow === undefined ? [] : [signal.rateWindow]),
        ...[signal.and, signal.or].flatMap((other) => (other === undefined ? [] : windowNames(other))),
      ];
    case "promql":
      return [...`${signal.value} ${signal.and ?? ""}`.matchAll(/\[\$([a-z_]+)/g)].map(
        ([, name = ""]) => name,
      );
    case "burn-rate":
      return [];
  }
}

/**
 * How long an alert waits in a drill, in seconds, by how long it waits in the catalog at most: in the same order, so that what
 * silences an alert is still there first, and at least one evaluation.
 */
const waits = [
  [0, 0],
  [60, 2],
  [120, 4],
  [300, 6],
  [Number.POSITIVE_INFINITY, 8],
] as const;

function drillFor(catalogFor: string | number): string {
  const seconds = parseDuration(String(catalogFor)) / 1_000;
  return `${waits.find(([longest]) => seconds <= longest)?.[1] ?? 0}s`;
}

/** What redisops.yaml says of thresholds for drills: alerts that wait for seconds, windows that end soon after their cause. */
export function drillOverrides(
  modes: readonly DegradationMode[],
): Readonly<Record<string, Record<string, string | number>>> {
  return Object.fromEntries(
    modes.map((mode) => {
      const { signal } = mode;
      const windows = Object.fromEntries(windowNames(signal).map((name) => [name, window]));
      const traffic = signal.kind === "burn-rate" ? { [signal.minRate]: concludedFrom } : {};
      return [mode.id, { ...windows, ...traffic, ...own[mode.id], for: drillFor(mode.thresholds.for.value) }];
    }),
  );
}

/** A mode's thresholds in a drill. */
export function drillThresholds(mode: DegradationMode): EffectiveThresholds {
  return effectiveThresholds(mode, drillOverrides([mode]));
}
