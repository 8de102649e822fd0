import type { DegradationMode } from "../catalog/mode.ts";
import type { ThresholdSignal } from "../catalog/signal.ts";
import { signalLimit, signalPromql, signalValuePromql } from "../core/signal/promql.ts";
import type { EffectiveThresholds } from "../core/signal/thresholds.ts";
import { codeBlock, inlineCode } from "./markdown.ts";
import { metricsNamedIn, prose } from "./prose.ts";

function recoveredWhen(signal: ThresholdSignal, thresholds: EffectiveThresholds): string {
  const limit = signalLimit(signal, thresholds);
  switch (signal.comparison) {
    case ">":
      return `${limit} or less`;
    case "<":
      return `${limit} or more`;
    case "==":
      return `no longer ${limit}`;
  }
}

function signalBlocks(mode: DegradationMode, thresholds: EffectiveThresholds): string[] {
  if (mode.nature === "heartbeat") {
    return [
      "Paste into Prometheus; the heartbeat is there while this returns 1:",
      codeBlock("promql", `ALERTS{alertname="${mode.id}",alertstate="firing"}`),
    ];
  }
  const over = [
    "The alert is over when this returns nothing:",
    codeBlock("promql", signalPromql(mode.signal, thresholds)),
  ];
  if (mode.signal.kind === "promql") return over;
  return [
    `Paste into Prometheus; it is the number that fired the alert, and has recovered when it is ${recoveredWhen(mode.signal, thresholds)}:`,
    codeBlock("promql", signalValuePromql(mode.signal, thresholds)),
    ...over,
  ];
}

/** The blocks of the Verify section: which number moves, how soon, and what to paste to see it. */
export function verifyBlocks(mode: DegradationMode, thresholds: EffectiveThresholds): string[] {
  const { remedy } = mode;
  const condition = signalPromql(mode.signal, thresholds);
  const others = metricsNamedIn(remedy.proof).filter(
    (metric) => !condition.includes(metric) && !metric.startsWith("ALERTS"),
  );
  return [
    `**Proof:** ${prose(remedy.proof, mode.id)}`,
    `**Within:** ${prose(remedy.within, mode.id)}.`,
    ...signalBlocks(mode, thresholds),
    ...(others.length === 0
      ? []
      : ["The proof names these as well:", codeBlock("promql", others.join("\n"))]),
    ...(remedy.kind === "command"
      ? [
          `${inlineCode(`${remedy.command} --execute`)} checks the same by itself: it exits 0 when the proof holds and 7 when it does not ([exit codes](../docs/errors.md#exit-codes)).`,
        ]
      : []),
  ];
}
