import type { DegradationMode } from "../../catalog/mode.ts";
import type { ThresholdOverrides } from "../config/thresholds-section.ts";

/** A mode's thresholds by name, durations as text. */
export type EffectiveThresholds = Readonly<Record<string, string | number>>;

/** The catalog's thresholds of a mode with the overrides of redisops.yaml applied. */
export function effectiveThresholds(
  mode: DegradationMode,
  overrides: ThresholdOverrides = {},
): EffectiveThresholds {
  const own = overrides[mode.id] ?? {};
  return Object.fromEntries(
    Object.entries(mode.thresholds).map(([name, threshold]) => [name, own[name] ?? threshold.value]),
  );
}

/** A threshold by name. Throws when the catalog names one that the mode does not have (a defect, caught by tests). */
export function thresholdValue(thresholds: EffectiveThresholds, name: string): string | number {
  const value = thresholds[name];
  if (value === undefined) throw new Error(`The mode has no threshold named ${name}`);
  return value;
}
