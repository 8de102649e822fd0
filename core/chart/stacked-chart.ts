import { scaleLinear } from "d3-scale";
import { escapeHtml } from "../escape-html.ts";
import type { ChartBand, ChartMark, LinePanel, StackedChart, TimelinePanel } from "./chart.ts";
import { type ChartScale, drawLinePanel, linePanelHeight, ticksOf } from "./line-panel.ts";
import { chartStyle } from "./style.ts";
import { fitText, pixels, placeInRows, textElement, textWidth } from "./text.ts";
import { drawColumns, drawTimelinePanel, timelineLabelWidth, timelinePanelHeight } from "./timeline-panel.ts";

const defaultWidth = 880;
const margin = 16;
const axisHeight = 44;
const noteRow = 15;
const between = 14;

/**
 * A chart as the text of an SVG picture: panels of lines and timelines above one another over one x axis. It stands
 * alone as a file or within a page, needs no script and nothing from elsewhere, reads on light and dark ground, tells
 * series and states apart by more than colour, and has a title and a description for screen readers.
 */
export function stackedChart(chart: StackedChart): string {
  const width = chart.width ?? defaultWidth;
  const x = scaleLinear()
    .domain(chart.x.domain ?? xDomainOf(chart))
    .range([leftOf(chart.panels, width), width - margin - 8])
    .clamp(true);
  if (chart.x.domain === undefined) x.nice();
  const notes = placeNotes(chart, x);
  const first = margin + 22 + notes.rows * noteRow + 4;
  const [left = 0, right = 0] = x.range();
  let top = first;
  const places = chart.panels.map((panel) => {
    const place = top;
    top += heightOf(panel, right - left) + between;
    return place;
  });
  const bottom = top - between + 4;
  const height = bottom + axisHeight;
  const columns = Math.max(2, Math.round((right - left) / 90));
  const xTicks = ticksOf(x, chart.x, columns);
  const written = chart.x.format ?? ((value: number) => String(Math.round(value * 10) / 10));
  const drawn = chart.panels.map((panel, index) => {
    const place = places[index] ?? first;
    return panel.kind === "lines"
      ? drawLinePanel(panel, x, place)
      : drawTimelinePanel(panel, x, place, written);
  });
  const axis = [
    `<line class="axis" x1="${pixels(left)}" x2="${pixels(right)}" y1="${pixels(bottom)}" y2="${pixels(bottom)}"/>`,
    ...xTicks.map(({ at, text }) =>
      textElement(x(at), bottom + 16, text, 'class="dim" text-anchor="middle"'),
    ),
    textElement((left + right) / 2, bottom + 33, chart.x.label, 'class="dim" text-anchor="middle"'),
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" viewBox="0 0 ${width} ${Math.ceil(height)}" width="${width}" height="${Math.ceil(height)}">`,
    `<title>${escapeHtml(chart.title)}</title>`,
    `<desc>${escapeHtml(chart.description ?? describe(chart))}</desc>`,
    `<style>${chartStyle}</style>`,
    `<rect class="paper" width="${width}" height="${Math.ceil(height)}"/>`,
    ...notes.bands.map(
      ({ from, to }) =>
        `<rect class="band" x="${pixels(from)}" width="${pixels(Math.max(1, to - from))}" y="${pixels(first - 6)}" height="${pixels(bottom - first + 6)}"/>`,
    ),
    textElement(margin, margin + 8, fitText(chart.title, width - 2 * margin, 14), 'class="heading"'),
    drawColumns(x, first, bottom, columns),
    ...axis,
    ...notes.marks.map(
      ({ at, row }) =>
        `<line class="mark" x1="${pixels(at)}" x2="${pixels(at)}" y1="${pixels(margin + 22 + row * noteRow + 13)}" y2="${pixels(bottom)}"/>`,
    ),
    ...drawn,
    ...notes.texts,
    "</svg>",
    "",
  ].join("\n");
}

function heightOf(panel: LinePanel | TimelinePanel, width: number): number {
  return panel.kind === "lines" ? linePanelHeight(panel, width) : timelinePanelHeight(panel, width);
}

/** Room for the rows’ labels, but no more than a third of the picture. */
function leftOf(panels: StackedChart["panels"], width: number): number {
  const labels = panels.map((panel) => (panel.kind === "lines" ? 48 : timelineLabelWidth(panel)));
  return margin + Math.min(width / 3, Math.max(48, ...labels));
}

function xDomainOf({ panels, marks = [], bands = [] }: StackedChart): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const take = (value: number | undefined) => {
    if (value === undefined || !Number.isFinite(value)) return;
    low = Math.min(low, value);
    high = Math.max(high, value);
  };
  for (const panel of panels) {
    if (panel.kind === "lines") {
      for (const { points } of panel.series) {
        for (const [at] of points) take(at);
      }
    } else {
      for (const span of panel.rows.flatMap(({ spans }) => spans)) {
        take(span.from);
        take(span.to);
      }
    }
  }
  for (const { at } of marks) take(at);
  for (const { from, to } of bands) {
    take(from);
    take(to);
  }
  if (low > high) return [0, 1];
  return low === high ? [low, low + 1] : [low, high];
}

interface Notes {
  readonly rows: number;
  readonly texts: readonly string[];
  readonly marks: readonly { at: number; row: number }[];
  readonly bands: readonly { from: number; to: number }[];
}

/** The labels of marks and bands above the panels, in rows that keep them apart. */
function placeNotes(chart: StackedChart, x: ChartScale): Notes {
  const marks: readonly ChartMark[] = chart.marks ?? [];
  const bands: readonly ChartBand[] = chart.bands ?? [];
  const [left = 0, right = 0] = x.range();
  const labels = [
    ...marks.map(({ at, label }) => ({ at: x(at), label })),
    ...bands.map(({ from, label }) => ({ at: x(from), label })),
  ];
  const stretches = labels.map(({ at, label }) => {
    const own = Math.min(textWidth(label, 11) + 10, right - left);
    const from = Math.min(at, right - own);
    return { from, to: from + own };
  });
  const rows = placeInRows(stretches);
  const texts = labels.map(({ label }, index) =>
    textElement(
      stretches[index]?.from ?? 0,
      margin + 22 + (rows[index] ?? 0) * noteRow + 10,
      fitText(label, right - left, 11),
      'class="dim"',
    ),
  );
  return {
    rows: labels.length === 0 ? 0 : Math.max(...rows) + 1,
    texts,
    marks: marks.map(({ at }, index) => ({ at: x(at), row: rows[index] ?? 0 })),
    bands: bands.map(({ from, to }) => ({ from: x(from), to: x(to) })),
  };
}

/** What a chart shows, in words. */
function describe({ panels, marks = [] }: StackedChart): string {
  const parts = panels.flatMap((panel) =>
    panel.kind === "lines"
      ? [`${panel.y.label}: ${panel.series.map(({ name }) => name).join(", ")}.`]
      : panel.rows.map(
          ({ label, spans }) => `${label}: ${spans.map(({ state }) => state).join(", ") || "nothing"}.`,
        ),
  );
  const moments = marks.length === 0 ? [] : [`Marked: ${marks.map(({ label }) => label).join(", ")}.`];
  return [...parts, ...moments].join(" ");
}
