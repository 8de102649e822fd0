import type { StackedChart, TimelineRow } from "./chart.ts";
import { stackedChart } from "./stacked-chart.ts";

/** One panel of rows that have states over time. */
export interface TimelineChart extends Omit<StackedChart, "panels"> {
  readonly rows: readonly TimelineRow[];
}

/** Rows of states over an x axis, as the text of an SVG picture; {@link stackedChart} says what the picture is. */
export function timelineChart({ rows, ...chart }: TimelineChart): string {
  return stackedChart({ ...chart, panels: [{ kind: "timeline", rows }] });
}
