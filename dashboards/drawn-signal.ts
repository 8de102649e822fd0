import type { DegradationMode } from "../catalog/mode.ts";
import type { ThresholdSignal } from "../catalog/signal.ts";
import type { ThresholdOverrides } from "../core/config/thresholds-section.ts";
import { signalLimit, signalValuePromql } from "../core/signal/promql.ts";
import { effectiveThresholds } from "../core/signal/thresholds.ts";
import { colors } from "./colors.ts";
import type { ThresholdStep } from "./panel.ts";
import { boardMatchers } from "./series.ts";

/** A mode's signal as a panel draws it: the alert's own expression and the alert's own limit. */
export interface DrawnSignal {
  readonly expression: string;
  readonly limit: number;
  readonly steps: readonly ThresholdStep[];
  /** Limit of the signal's guard (see `ThresholdSignal.and`), if it has one. */
  readonly guardLimit: number | undefined;
}

function steps(comparison: ThresholdSignal["comparison"], limit: number, bad: string): ThresholdStep[] {
  switch (comparison) {
    case ">":
      return [
        { from: undefined, color: colors.healthy },
        { from: limit, color: bad },
      ];
    case "<":
      return [
        { from: undefined, color: bad },
        { from: limit, color: colors.healthy },
      ];
    case "==":
      // Only whole numbers that stand for states are compared like this.
      return [
        { from: undefined, color: colors.healthy },
        { from: limit, color: bad },
        { from: limit + 1, color: colors.healthy },
      ];
  }
}

/**
 * Draws what a mode's alert compares. With `everyRole` the signal's own selection is left out, so that one panel shows
 * all roles for which modes of this kind exist or may come to exist.
 */
export function drawSignal(
  mode: DegradationMode,
  overrides: ThresholdOverrides,
  { everyRole = false }: { readonly everyRole?: boolean } = {},
): DrawnSignal {
  const { signal } = mode;
  if (signal.kind !== "threshold") throw new Error(`${mode.id} has no threshold that a panel could draw`);
  const thresholds = effectiveThresholds(mode, overrides);
  const drawn = everyRole ? { ...signal, measure: { metric: signal.measure.metric } } : signal;
  const limit = signalLimit(signal, thresholds);
  return {
    expression: signalValuePromql(drawn, thresholds, boardMatchers),
    limit,
    steps: steps(signal.comparison, limit, mode.severity === "page" ? colors.page : colors.ticket),
    guardLimit: signal.and === undefined ? undefined : signalLimit(signal.and, thresholds),
  };
}

/** A ratio in words: 0.05 is "5 %". */
export function percent(ratio: number): string {
  return `${Number((ratio * 100).toPrecision(6))} %`;
}
