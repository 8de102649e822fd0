import { z } from "zod";
import type { DegradationMode, Threshold } from "../../catalog/mode.ts";
import { modes } from "../../catalog/modes.ts";
import { duration } from "./fields.ts";

function thresholdField(threshold: Threshold) {
  const field =
    threshold.unit === "duration"
      ? duration()
      : threshold.unit === "ratio"
        ? z.number().min(0).max(1)
        : z.number().min(0);
  return field.optional().describe(`Default ${threshold.value}. ${threshold.reason}`);
}

function modeFields(mode: DegradationMode) {
  const fields = Object.fromEntries(
    Object.entries(mode.thresholds).map(([name, threshold]) => [name, thresholdField(threshold)]),
  );
  return z.strictObject(fields).optional().describe(mode.title);
}

/** Overrides of the catalog's thresholds, mode by mode; the fields come from the catalog. */
export const thresholdsSection = z
  .strictObject(Object.fromEntries(modes.map((mode) => [mode.id, modeFields(mode)])))
  .describe("Overrides of alert thresholds, by degradation mode.");

export type ThresholdOverrides = Readonly<
  Record<string, Readonly<Record<string, string | number | undefined>> | undefined>
>;
