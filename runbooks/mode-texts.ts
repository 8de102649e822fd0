import type { DegradationMode } from "../catalog/mode.ts";

/** A sentence that a mode says somewhere. */
export interface ModeText {
  /** Where in the mode: `userImpact`, `remedy.rollback`, `thresholds.for.reason`. */
  readonly field: string;
  readonly text: string;
}

function remedyTexts({ remedy }: DegradationMode): ModeText[] {
  const own =
    remedy.kind === "none"
      ? { reason: remedy.reason, instead: remedy.instead }
      : remedy.first === undefined
        ? {}
        : { first: remedy.first };
  const { proof, within, rollback, whenItFails } = remedy;
  return Object.entries({ ...own, proof, within, rollback, whenItFails }).map(([field, text]) => ({
    field: `remedy.${field}`,
    text,
  }));
}

function drillTexts({ drill }: DegradationMode): ModeText[] {
  if (drill?.kind === "lab")
    return drill.limits === undefined ? [] : [{ field: "drill.limits", text: drill.limits }];
  return [{ field: "drill.reason", text: drill?.reason ?? "" }];
}

/** Every sentence of a mode that somebody reads, in the order of the page. What is missing is an empty text. */
export function modeTexts(mode: DegradationMode): ModeText[] {
  const { title, summary, description, userImpact, containment, prevention, normal, frequency, origin } =
    mode;
  const { signal } = mode;
  const texts = [
    ...Object.entries({ title, summary, description, userImpact, containment }).map(([field, text]) => ({
      field,
      text,
    })),
    ...mode.diagnosis.flatMap(({ branches }) =>
      branches.flatMap(({ observed, conclusion }) => [
        { field: "diagnosis.observed", text: observed },
        { field: "diagnosis.conclusion", text: conclusion },
      ]),
    ),
    ...Object.entries(mode.topologies ?? {}).map(([name, text]) => ({ field: `topologies.${name}`, text })),
    ...remedyTexts(mode),
    ...mode.aggravators.map((text) => ({ field: "aggravators", text })),
    ...Object.entries({ prevention, normal, frequency, origin }).map(([field, text]) => ({ field, text })),
    ...drillTexts(mode),
    ...Object.entries(mode.thresholds).map(([name, { reason }]) => ({
      field: `thresholds.${name}.reason`,
      text: reason,
    })),
    ...(signal.kind === "threshold" ? [] : [{ field: "signal.reason", text: signal.reason }]),
  ];
  return texts.map(({ field, text }) => ({ field, text: text ?? "" }));
}
