import type { DegradationMode } from "../../catalog/mode.ts";
import type { BurnRateSignal } from "../../catalog/signal.ts";
import { burnRates, slos } from "../../catalog/slos.ts";
import { signalPromql } from "../../core/signal/promql.ts";
import { type EffectiveThresholds, thresholdValue } from "../../core/signal/thresholds.ts";
import { drillThresholds } from "./drill-thresholds.ts";

/** Seconds over which a budget's use is rated in a drill, in place of hours. */
const burnWindow = "20s";

/** The budget burns as fast as the fastest page asks for, over a window that a drill can wait for. */
function burnsNow(signal: BurnRateSignal, thresholds: EffectiveThresholds): string {
  const { bad, all } = slos[signal.slo];
  const rated = (expression: string) => `(${expression.replaceAll("$window", burnWindow)})`;
  const budget = 1 - Number(thresholdValue(thresholds, signal.objective));
  const factor = Math.max(...burnRates.map((rate) => rate.factor));
  const labels = signal.by.join(", ");
  const minRate = thresholdValue(thresholds, signal.minRate);
  return `(${rated(bad)} / ${rated(all)} > ${factor * budget}) and on (${labels}) (${rated(all)} > ${minRate})`;
}

/** PromQL that has a series while a mode holds in a drill: its alert's condition, with the drill's windows. */
export function drillCondition(mode: DegradationMode): string {
  const thresholds = drillThresholds(mode);
  return mode.signal.kind === "burn-rate"
    ? burnsNow(mode.signal, thresholds)
    : signalPromql(mode.signal, thresholds);
}
