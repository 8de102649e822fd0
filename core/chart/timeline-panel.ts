import { escapeHtml } from "../escape-html.ts";
import { type TimelinePanel, type TimelineState, timelineStates } from "./chart.ts";
import { type ChartScale, noData, ticksOf } from "./line-panel.ts";
import { stateLooks } from "./style.ts";
import { fitText, pixels, placeLegend, textElement, textWidth } from "./text.ts";

const rowHeight = 24;
const barHeight = 16;
const legendGap = 6;

/** How much room a panel takes, in pixels. */
export function timelinePanelHeight(panel: TimelinePanel, width: number): number {
  return legendHeight(panel, width) + Math.max(1, panel.rows.length) * rowHeight;
}

const legendHeight = (panel: TimelinePanel, width: number): number =>
  placeLegend(statesOf(panel), width).height + legendGap;

/** How wide the labels left of a panel’s rows are, in pixels. */
export function timelineLabelWidth(panel: TimelinePanel): number {
  return Math.max(0, ...panel.rows.map(({ label }) => textWidth(label) + 12));
}

/** The states that a panel shows, in the order of their list. */
function statesOf(panel: TimelinePanel): TimelineState[] {
  const used = new Set(panel.rows.flatMap(({ spans }) => spans.map(({ state }) => state)));
  return timelineStates.filter((state) => used.has(state));
}

function bar(state: TimelineState, from: number, to: number, middle: number): string {
  const height = barHeight * stateLooks[state].height;
  // What took no time is a line, not nothing.
  return `<rect class="${state}" x="${pixels(from)}" width="${pixels(Math.max(1.5, to - from))}" y="${pixels(middle - height / 2)}" height="${pixels(height)}" rx="2"/>`;
}

/** Draws a panel’s legend and rows, from `top` on; `written` gives the text of an x value, for tooltips. */
export function drawTimelinePanel(
  panel: TimelinePanel,
  x: ChartScale,
  top: number,
  written: (value: number) => string,
): string {
  const [left = 0, right = 0] = x.range();
  const states = statesOf(panel);
  const legend = placeLegend(states, right - left).places.map((place, index) => {
    const [from, middle] = [left + place.x, top + place.y + 8];
    return `<g>${bar(states[index] ?? "quiet", from, from + 26, middle)}${textElement(from + 32, middle + 4, place.name)}</g>`;
  });
  const firstRow = top + legendHeight(panel, right - left);
  const rows = panel.rows.map(({ label, spans }, index) => {
    const middle = firstRow + index * rowHeight + rowHeight / 2;
    const line = `<line class="grid" x1="${pixels(left)}" x2="${pixels(right)}" y1="${pixels(middle)}" y2="${pixels(middle)}"/>`;
    const shortened = fitText(label, left - 14);
    const name = `<g><title>${escapeHtml(label)}</title>${textElement(left - 8, middle + 4, shortened, 'text-anchor="end"')}</g>`;
    const bars = spans.map(({ from, to, state, text }) => {
      const [start, end] = [x(from), x(to)];
      const tooltip = `${label}: ${state} from ${written(from)} to ${written(to)}${text === undefined ? "" : `, ${text}`}`;
      const fits =
        text !== undefined && textWidth(text, 11) < end - start - 8 && stateLooks[state].height > 0.5;
      const inside = fits
        ? textElement(
            start + 5,
            middle + 4,
            text,
            `class="${stateLooks[state].outlined ? "on-outlined" : "on"}"`,
          )
        : "";
      return `<g><title>${escapeHtml(tooltip)}</title>${bar(state, start, end, middle)}${inside}</g>`;
    });
    return [line, name, ...bars].join("");
  });
  const empty = rows.length === 0 ? [noData(left, right, firstRow + rowHeight / 2)] : [];
  return [...legend, ...rows, ...empty].join("\n");
}

/** Vertical lines at the x axis’ ticks, behind a panel. */
export function drawColumns(x: ChartScale, top: number, bottom: number, count: number): string {
  return ticksOf(x, { label: "" }, count)
    .map(
      ({ at }) =>
        `<line class="grid" x1="${pixels(x(at))}" x2="${pixels(x(at))}" y1="${pixels(top)}" y2="${pixels(bottom)}"/>`,
    )
    .join("");
}
