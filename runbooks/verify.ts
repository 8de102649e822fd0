import { metrics } from "../catalog/metrics.ts";
import type { DegradationMode } from "../catalog/mode.ts";
import type { EffectiveThresholds } from "../core/signal/thresholds.ts";
import { comparedValue, conditionsOf, recoveredWhen, weightOf } from "./conditions.ts";
import { codeBlock, inlineCode } from "./markdown.ts";
import { metricsNamedIn, prose } from "./prose.ts";

function signalBlocks(mode: DegradationMode, thresholds: EffectiveThresholds): string[] {
  if (mode.nature === "heartbeat") {
    return [
      "Paste into Prometheus; the heartbeat is there while this returns 1:",
      codeBlock("promql", `ALERTS{alertname="${mode.id}",alertstate="firing"}`),
    ];
  }
  const compared = comparedValue(mode, thresholds);
  const weight = weightOf(mode);
  const what =
    weight === "decides"
      ? "it is the number that fired the alert, and has recovered"
      : "it is one of the numbers that fire the alert, and has recovered";
  const number =
    compared === undefined || weight === "extent"
      ? []
      : [
          `Paste into Prometheus; ${what} when it is ${recoveredWhen(compared)}:`,
          codeBlock("promql", compared.promql),
        ];
  const conditions = conditionsOf(mode, thresholds);
  const over = conditions.map(({ severity, promql }) => [
    conditions.length === 1
      ? "The alert is over when this returns nothing:"
      : `The ${severity} is over when this returns nothing:`,
    codeBlock("promql", promql),
  ]);
  return [...number, ...over.flat()];
}

/** A histogram's own name has no series in Prometheus. */
const isHistogram = (reference: string) => {
  const [name = ""] = reference.split("{");
  return Object.entries(metrics).some(([known, { type }]) => known === name && type === "histogram");
};

/** The blocks of the Verify section: which number moves, how soon, and what to paste to see it. */
export function verifyBlocks(mode: DegradationMode, thresholds: EffectiveThresholds): string[] {
  const { remedy } = mode;
  const shown = conditionsOf(mode, thresholds)
    .map(({ promql }) => promql)
    .join("\n");
  const others = metricsNamedIn(remedy.proof).filter(
    (metric) => !shown.includes(metric) && !metric.startsWith("ALERTS") && !isHistogram(metric),
  );
  return [
    `**Proof:** ${prose(remedy.proof, mode.id)}`,
    `**Within:** ${prose(remedy.within, mode.id).replace(/\.$/, "")}.`,
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
