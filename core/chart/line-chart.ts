import type { LinePanel, StackedChart } from "./chart.ts";
import { stackedChart } from "./stacked-chart.ts";

/** One panel of lines with its axes. */
export interface LineChart extends Omit<StackedChart, "panels">, Omit<LinePanel, "kind"> {}

/** Lines over an x axis, as the text of an SVG picture; {@link stackedChart} says what the picture is. */
export function lineChart({ y, series, log, height, ...chart }: LineChart): string {
  const panel: LinePanel = {
    kind: "lines",
    y,
    series,
    ...(log === undefined ? {} : { log }),
    ...(height === undefined ? {} : { height }),
  };
  return stackedChart({ ...chart, panels: [panel] });
}
