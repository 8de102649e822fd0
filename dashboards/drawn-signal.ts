import type { DegradationMode } from "../catalog/mode.ts";
import type { PromqlSignal, Signal, ThresholdSignal } from "../catalog/signal.ts";
import type { ThresholdOverrides } from "../core/config/thresholds-section.ts";
import { promqlValue, signalLimit, signalValuePromql } from "../core/signal/promql.ts";
import { type EffectiveThresholds, effectiveThresholds } from "../core/signal/thresholds.ts";
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

type Comparison = ThresholdSignal["comparison"];

/** Colours of values by what an alert's comparison makes of them. */
export function limitSteps(comparison: Comparison, limit: number, bad: string): ThresholdStep[] {
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

/** Binds the raw series of an alert's PromQL to the board's variables; recorded series are sums over processes. */
function boundToBoard(expression: string): string {
  const matchers = boardMatchers.join(",");
  return expression.replace(
    /\b(redisops_[a-z_]+|up(?=\{))(?![a-z_:(])(?:\{([^}]*)\})?/g,
    (_, metric: string, own?: string) =>
      `${metric}{${own === undefined || own.trim() === "" ? "" : `${own},`}${matchers}}`,
  );
}

/** What a signal compares, as it is drawn, and what it is compared with; nothing where its series alone decide. */
export interface Compared {
  readonly expression: string;
  readonly against: { readonly comparison: Comparison; readonly limit: number } | undefined;
}

function comparedBy(signal: Signal, thresholds: EffectiveThresholds): Compared | undefined {
  switch (signal.kind) {
    case "threshold":
      return {
        expression: signalValuePromql(signal, thresholds, boardMatchers),
        against: { comparison: signal.comparison, limit: signalLimit(signal, thresholds) },
      };
    case "promql":
      return {
        expression: boundToBoard(promqlValue(signal, thresholds)),
        against: signal.compared && {
          comparison: signal.compared.comparison,
          limit: signalLimit(signal.compared, thresholds),
        },
      };
    case "burn-rate":
      return undefined;
  }
}

/** What a mode's alert compares; undefined for a budget, which is compared over several windows at once. */
export function comparedSignal(mode: DegradationMode, overrides: ThresholdOverrides): Compared | undefined {
  return comparedBy(mode.signal, effectiveThresholds(mode, overrides));
}

/** What else a mode's alert fires on, where a threshold of the mode is the limit: what is 0 or 1 is a state elsewhere. */
export function comparedAlternatives(
  { signal, ...mode }: DegradationMode,
  overrides: ThresholdOverrides,
): { readonly signal: ThresholdSignal; readonly compared: Compared }[] {
  const thresholds = effectiveThresholds({ signal, ...mode }, overrides);
  const found: { readonly signal: ThresholdSignal; readonly compared: Compared }[] = [];
  let next = signal.kind === "threshold" ? signal.or : undefined;
  for (; next !== undefined; next = next.or) {
    const compared = typeof next.limit === "string" ? comparedBy(next, thresholds) : undefined;
    if (compared !== undefined) found.push({ signal: next, compared });
  }
  return found;
}

/** The colour that a value beyond the mode's limit has. */
export function badColor({ severity }: DegradationMode): string {
  return severity === "page" ? colors.page : colors.ticket;
}

function forEveryRole(signal: ThresholdSignal | PromqlSignal): ThresholdSignal | PromqlSignal {
  return signal.kind === "threshold" ? { ...signal, measure: { metric: signal.measure.metric } } : signal;
}

/**
 * Draws what a mode's alert compares. With `everyRole` the signal's own selection is left out, so that one panel shows
 * all roles for which modes of this kind exist or may come to exist. Throws on a mode that compares no value.
 */
export function drawSignal(
  mode: DegradationMode,
  overrides: ThresholdOverrides,
  { everyRole = false }: { readonly everyRole?: boolean } = {},
): DrawnSignal {
  const { signal } = mode;
  if (signal.kind === "burn-rate") throw new Error(`${mode.id} has no single value that a panel could draw`);
  const thresholds = effectiveThresholds(mode, overrides);
  const drawn = comparedBy(everyRole ? forEveryRole(signal) : signal, thresholds);
  if (drawn?.against === undefined) throw new Error(`${mode.id} has no limit that a panel could draw`);
  const { comparison, limit } = drawn.against;
  const guard = signal.kind === "threshold" ? signal.and : undefined;
  return {
    expression: drawn.expression,
    limit,
    steps: limitSteps(comparison, limit, badColor(mode)),
    guardLimit: guard === undefined ? undefined : signalLimit(guard, thresholds),
  };
}

/** A ratio in words: 0.05 is "5 %". */
export function percent(ratio: number): string {
  return `${Number((ratio * 100).toPrecision(6))} %`;
}
