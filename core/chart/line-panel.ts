import { type ScaleContinuousNumeric, scaleLinear, scaleLog } from "d3-scale";
import {
  line,
  symbol,
  symbolCircle,
  symbolCross,
  symbolDiamond,
  symbolSquare,
  symbolStar,
  symbolTriangle,
  symbolWye,
} from "d3-shape";
import { escapeHtml } from "../escape-html.ts";
import type { ChartAxis, LinePanel } from "./chart.ts";
import { dashes, seriesLooks } from "./style.ts";
import { pixels, placeLegend, textElement } from "./text.ts";
import { thin } from "./thin.ts";

/** A continuous scale from values to pixels. */
export type ChartScale = ScaleContinuousNumeric<number, number>;

const symbols = [
  symbolCircle,
  symbolSquare,
  symbolTriangle,
  symbolDiamond,
  symbolCross,
  symbolWye,
  symbolStar,
];
const defaultHeight = 240;

/** The ticks of an axis with their texts; on a log axis only powers of ten where all would not fit. */
export function ticksOf(
  scale: ChartScale,
  axis: ChartAxis,
  count: number,
): readonly { at: number; text: string }[] {
  const all = scale.ticks(count);
  const logarithmic = "base" in scale;
  const powers = all.filter((value) => Number.isInteger(Math.log10(Math.abs(value))));
  const values = logarithmic && all.length > count && powers.length > 1 ? powers : all;
  const [low = 0, high = 0] = scale.domain();
  const large = Math.max(Math.abs(low), Math.abs(high)) >= 10_000;
  const written = axis.format ?? (logarithmic || large ? shortNumber : scale.tickFormat(count));
  return values.map((at) => ({ at, text: written(at) }));
}

// With any number of ticks a log scale gives d3’s own formatter, which writes each value with its own prefix.
const prefixed = scaleLog().tickFormat(Number.POSITIVE_INFINITY, "~s");

/** A number in few characters: `0.02`, `50k`, `5M`. */
export function shortNumber(value: number): string {
  return Math.abs(value) < 1 ? String(Number(value.toPrecision(3))) : prefixed(value);
}

/** The y values of a panel at its scale’s ends. */
function domainOf({ y, series, log }: LinePanel): [number, number] {
  if (y.domain !== undefined) return [...y.domain];
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { points } of series) {
    for (const [, value] of points) {
      if (!Number.isFinite(value) || (log === "y" && value <= 0)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (low > high) return log === "y" ? [1, 10] : [0, 1];
  if (log === "y") return low === high ? [low / 10, high * 10] : [low, high];
  return [Math.min(0, low), high === Math.min(0, low) ? high + 1 : high];
}

const legendOf = (panel: LinePanel, width: number) =>
  placeLegend(
    panel.series.map(({ name }) => name),
    width,
  );

const legendHeight = (panel: LinePanel, width: number): number => legendOf(panel, width).height + 18;

/** How much room a panel takes, in pixels. */
export function linePanelHeight(panel: LinePanel, width: number): number {
  return legendHeight(panel, width) + (panel.height ?? defaultHeight);
}

/** Draws a panel’s axis, legend and lines, from `top` on, between the ends of the x scale. */
export function drawLinePanel(panel: LinePanel, x: ChartScale, top: number): string {
  const [left = 0, right = 0] = x.range();
  const plot = top + legendHeight(panel, right - left);
  const height = panel.height ?? defaultHeight;
  const y = (panel.log === "y" ? scaleLog() : scaleLinear())
    .domain(domainOf(panel))
    .range([plot + height, plot])
    .clamp(true);
  if (panel.y.domain === undefined) y.nice(5);
  const ticks = ticksOf(y, panel.y, Math.max(2, Math.round(height / 45)));
  const axis = ticks.map(
    ({ at, text }) =>
      `<line class="grid" x1="${pixels(left)}" x2="${pixels(right)}" y1="${pixels(y(at))}" y2="${pixels(y(at))}"/>${textElement(left - 8, y(at) + 4, text, 'class="dim" text-anchor="end"')}`,
  );
  const label = textElement(left, plot - 7, panel.y.label, 'class="dim"');
  const legend = legendOf(panel, right - left).places.map(({ name, ...place }, index) => {
    const [from, middle] = [left + place.x, top + place.y + 8];
    return `<path class="line s${index % seriesLooks}"${dashOf(index)} d="M${pixels(from)},${pixels(middle)}h28"/>${pointAt(from + 14, middle, index)}${textElement(from + 34, middle + 4, name)}`;
  });
  const nothing = panel.series.every(({ points }) => points.length === 0);
  const drawn = panel.series.map(({ name, points }, index) => {
    const shown = thin(points, Math.round(right - left));
    const visible = ([, value]: readonly [number, number]) =>
      Number.isFinite(value) && (panel.log !== "y" || value > 0);
    const path =
      line<readonly [number, number]>()
        .defined(visible)
        .x(([at]) => x(at))
        .y(([, value]) => y(value))
        .digits(1)(shown) ?? "";
    const every = Math.max(1, Math.ceil(shown.length / 8));
    // Each series begins at another point, so that symbols of lines that run together do not hide one another.
    const marked = shown.filter((point, at) => (at + index) % every === 0 && visible(point));
    const dots = marked.map(([at, value]) => pointAt(x(at), y(value), index)).join("");
    return `<g><title>${escapeHtml(name)}</title><path class="line s${index % seriesLooks}"${dashOf(index)} d="${path}"/>${dots}</g>`;
  });
  const empty = nothing ? [noData(left, right, plot + height / 2)] : [];
  return [...axis, label, ...legend, ...drawn, ...empty].join("\n");
}

/** Says in the middle of an empty plot that nothing is missing by mistake. */
export function noData(left: number, right: number, y: number): string {
  return textElement((left + right) / 2, y, "no data", 'class="dim" text-anchor="middle"');
}

const dashOf = (index: number): string => {
  const dash = dashes[index % dashes.length];
  return dash === "" ? "" : ` stroke-dasharray="${dash}"`;
};

function pointAt(x: number, y: number, index: number): string {
  const shape = symbol(symbols[index % symbols.length], 34).digits(1)() ?? "";
  return `<path class="point s${index % seriesLooks}" transform="translate(${pixels(x)},${pixels(y)})" d="${shape}"/>`;
}
