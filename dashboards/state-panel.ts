import { NoUnit } from "@grafana/grafana-foundation-sdk/units";
import { colors } from "./colors.ts";
import type { DataPanel } from "./panel.ts";

/** A state timeline of what is either 0 or 1, one of which is bad; with `two`, of rows as well in which 2 is what is bad. */
export function statePanel(
  panel: Pick<DataPanel, "id" | "title" | "meaning" | "normal" | "width" | "height" | "queries" | "empty">,
  words: {
    readonly zero: string;
    readonly one: string;
    readonly bad: 0 | 1;
    readonly color: string;
    readonly two?: { readonly text: string; readonly color: string };
  },
): DataPanel {
  const { two } = words;
  const colorOf = (value: 0 | 1) => (value === words.bad ? words.color : colors.healthy);
  return {
    ...panel,
    kind: "state-timeline",
    unit: NoUnit,
    states: [
      { value: 0, text: words.zero, color: colorOf(0) },
      { value: 1, text: words.one, color: colorOf(1) },
      ...(two === undefined ? [] : [{ value: 2, ...two }]),
    ],
    thresholds: [
      { from: undefined, color: colorOf(0) },
      { from: 1, color: colorOf(1) },
      ...(two === undefined ? [] : [{ from: 2, color: two.color }]),
    ],
  };
}
