/** An axis: what it measures, with the unit. */
export interface ChartAxis {
  readonly label: string;
  /** The values at its ends; by default the smallest and the largest that are drawn. */
  readonly domain?: readonly [number, number];
  /** How the values at its ticks are written; by default as a short number (`0.5`, `20`, `5M`). */
  readonly format?: (value: number) => string;
}

/** A line: its points as [x, y], x ascending. The line has a gap where y is no number, or cannot stand on a log axis. */
export interface ChartSeries {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
}

/** A moment worth a vertical line. */
export interface ChartMark {
  readonly at: number;
  readonly label: string;
}

/** A stretch of the x axis that is shaded. */
export interface ChartBand {
  readonly from: number;
  readonly to: number;
  readonly label: string;
}

/** How a span looks; its word stands in the legend, and its shape differs as well as its colour. */
export const timelineStates = ["fault", "pending", "firing", "working", "done", "failed", "quiet"] as const;

/** One of {@link timelineStates}. */
export type TimelineState = (typeof timelineStates)[number];

/** A bar of a timeline’s row; `text` is written on it where it fits, and is in its tooltip anyway. */
export interface TimelineSpan {
  readonly from: number;
  readonly to: number;
  readonly state: TimelineState;
  readonly text?: string;
}

/** A row of a timeline. */
export interface TimelineRow {
  readonly label: string;
  readonly spans: readonly TimelineSpan[];
}

/** Lines over the shared x axis. */
export interface LinePanel {
  readonly kind: "lines";
  readonly y: ChartAxis;
  readonly series: readonly ChartSeries[];
  /** `y`: the y axis is logarithmic, and values at or below zero are gaps. */
  readonly log?: "y";
  /** Of the plot, in pixels; default 240. */
  readonly height?: number;
}

/** Bars over the shared x axis, a row for each thing that has states. */
export interface TimelinePanel {
  readonly kind: "timeline";
  readonly rows: readonly TimelineRow[];
}

/** Panels above one another over one x axis. */
export interface StackedChart {
  readonly title: string;
  /** What it shows, for who cannot see it; by default the series’ and rows’ names. */
  readonly description?: string;
  readonly x: ChartAxis;
  readonly panels: readonly (LinePanel | TimelinePanel)[];
  readonly marks?: readonly ChartMark[];
  readonly bands?: readonly ChartBand[];
  /** Of the picture, in pixels; default 880. */
  readonly width?: number;
}
