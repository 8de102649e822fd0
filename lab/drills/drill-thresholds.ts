import type { DegradationMode } from "../../catalog/mode.ts";
import type { Signal } from "../../catalog/signal.ts";
import { type EffectiveThresholds, effectiveThresholds } from "../../core/signal/thresholds.ts";

/** The longest window in a drill: ten scrapes of the lab. A window of minutes would keep a condition for minutes. */
const window = "20s";

/** Windows with a reason of their own to be longer. */
const own: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  // Its value is looked up once a minute, and each look must see the whole minute before; the server that goes away does so some
  // seconds before the epoch changes, which may be before that minute.
  RedisFailover: { moment: "1m", around: "90s", shown: "1m" },
};

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

/** What redisops.yaml says of thresholds for drills: windows that end soon after their cause, and nothing else. */
export function drillOverrides(
  modes: readonly DegradationMode[],
): Readonly<Record<string, Record<string, string>>> {
  return Object.fromEntries(
    modes.flatMap((mode) => {
      const windows = Object.fromEntries(windowNames(mode.signal).map((name) => [name, window]));
      const shorter = { ...windows, ...own[mode.id] };
      return Object.keys(shorter).length === 0 ? [] : [[mode.id, shorter]];
    }),
  );
}

/** A mode's thresholds in a drill. */
export function drillThresholds(mode: DegradationMode): EffectiveThresholds {
  return effectiveThresholds(mode, drillOverrides([mode]));
}
