import type { DegradationMode } from "../catalog/mode.ts";
import type { ThresholdSignal } from "../catalog/signal.ts";
import {
  burnRatePromql,
  promqlValue,
  signalLimit,
  signalPromql,
  signalValuePromql,
} from "../core/signal/promql.ts";
import type { EffectiveThresholds } from "../core/signal/thresholds.ts";

/** A condition under which a mode's alert fires, and with which severity. */
export interface Condition {
  readonly severity: DegradationMode["severity"];
  readonly promql: string;
}

/** One condition; two where a budget that burns slowly is a ticket of the same name. */
export function conditionsOf(mode: DegradationMode, thresholds: EffectiveThresholds): readonly Condition[] {
  const { signal } = mode;
  if (signal.kind !== "burn-rate") {
    return [{ severity: mode.severity, promql: signalPromql(signal, thresholds) }];
  }
  return (["page", "ticket"] as const).map((severity) => ({
    severity,
    promql: burnRatePromql(signal, severity, thresholds),
  }));
}

/** The number that an alert compares, and with what. */
export interface ComparedValue {
  readonly promql: string;
  readonly comparison: ThresholdSignal["comparison"];
  readonly limit: number;
}

/** What a mode's alert compares; undefined where it compares nothing, or more than one number. */
export function comparedValue(
  { signal }: DegradationMode,
  thresholds: EffectiveThresholds,
): ComparedValue | undefined {
  if (signal.kind === "burn-rate") return undefined;
  const compared = signal.kind === "threshold" ? signal : signal.compared;
  if (compared === undefined) return undefined;
  return {
    promql:
      signal.kind === "threshold" ? signalValuePromql(signal, thresholds) : promqlValue(signal, thresholds),
    comparison: compared.comparison,
    limit: signalLimit(compared, thresholds),
  };
}

/** What the compared number says of the alert. */
export type Weight =
  /** Beyond its limit the alert fires, on its own or where further conditions hold. */
  | "decides"
  /** Beyond its limit the alert fires; it may also fire by other numbers. */
  | "one of several"
  /** How much is concerned, in good times as well; others decide. */
  | "extent";

/** How far the compared number tells whether a mode holds. */
export function weightOf({ signal }: DegradationMode): Weight {
  if (signal.kind !== "threshold") return "decides";
  if (signal.or !== undefined) return "one of several";
  return signal.and !== undefined && signal.comparison === ">" && signal.limit === 0 ? "extent" : "decides";
}

/** Where a value has recovered, in words: `0.05 or less`. */
export function recoveredWhen({ comparison, limit }: ComparedValue): string {
  switch (comparison) {
    case ">":
      return limit === 0 ? "0" : `${limit} or less`;
    case "<":
      return `${limit} or more`;
    case "==":
      return `no longer ${limit}`;
  }
}
