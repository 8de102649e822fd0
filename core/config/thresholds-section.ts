import { z } from "zod";
import type { DegradationMode, Threshold } from "../../catalog/mode.ts";
import { modes } from "../../catalog/modes.ts";
import { burnRates } from "../../catalog/slos.ts";
import { duration, positiveDuration } from "./fields.ts";

/** With a lower objective the fastest burn rate would be more than all events, and its page could not fire. */
const leastObjective = Math.ceil((1 - 1 / Math.max(...burnRates.map(({ factor }) => factor))) * 100) / 100;

/** An objective of 1 leaves no budget to burn. */
const objective = () => z.number().min(leastObjective).lt(1);

function thresholdField({ signal }: DegradationMode, name: string, threshold: Threshold) {
  const field = () => {
    switch (threshold.unit) {
      case "duration":
        // Prometheus refuses a window without length, and the whole file of rules with it.
        return name === "for" ? duration() : positiveDuration();
      case "ratio":
        return signal.kind === "burn-rate" && name === signal.objective
          ? objective()
          : z.number().min(0).max(1);
      default:
        return z.number().min(0);
    }
  };
  return field().optional().describe(`Default ${threshold.value}. ${threshold.reason}`);
}

function modeFields(mode: DegradationMode) {
  const fields = Object.fromEntries(
    Object.entries(mode.thresholds).map(([name, threshold]) => [name, thresholdField(mode, name, threshold)]),
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
