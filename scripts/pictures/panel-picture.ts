import type { ChartBand, TimelineRow, TimelineSpan, TimelineState } from "../../core/chart/chart.ts";
import { lineChart } from "../../core/chart/line-chart.ts";
import { timelineChart } from "../../core/chart/timeline-chart.ts";
import type { QueryRange, RangeSeries } from "../../core/prometheus.ts";
import { colors } from "../../dashboards/colors.ts";
import type { DataPanel, PanelQuery, PanelState } from "../../dashboards/panel.ts";
import { statList } from "./stat-list.ts";
import { writtenIn } from "./values.ts";

/** A panel's query with what Prometheus has for it. */
export interface AnsweredQuery {
  readonly query: PanelQuery;
  readonly series: readonly RangeSeries[];
}

/** What all pictures of a board share. */
export interface Scene {
  readonly stretch: QueryRange;
  /** In minutes since the beginning of the stretch. */
  readonly bands: readonly ChartBand[];
}

/**
 * Lines of a panel at most, lines among them that never leave 0, and rows of a timeline in which nothing happened: a
 * picture has no scroll bar.
 */
const most = { lines: 8, zeros: 3, rows: 12 };

/** The plot of a panel one line high on the board, in pixels. */
const plotHeight = 130;

const legendOf = ({ legend }: PanelQuery, labels: RangeSeries["labels"]) =>
  legend.replace(/\{\{(\w+)\}\}/g, (_, label: string) => labels[label] ?? "");

const minutes = ({ stretch }: Scene, at: number) => (at - stretch.from) / 60;

const axis = (scene: Scene) => ({
  label: "minutes",
  domain: [0, (scene.stretch.to - scene.stretch.from) / 60] as const,
});

function linesPicture(
  panel: DataPanel,
  queries: readonly AnsweredQuery[],
  scene: Scene,
  width: number,
): string {
  const lines = queries
    // An axis of its own at the right is more than this picture has.
    .filter(({ query }) => typeof query.drawn !== "object")
    .flatMap(({ query, series }) =>
      series.map(({ labels, points }) => ({
        name: legendOf(query, labels),
        points: points.map(([at, value]) => [minutes(scene, at), value] as const),
      })),
    )
    .filter(({ points }) => points.some(([, value]) => Number.isFinite(value)))
    // What is more than 0 first, so that the legend names it.
    .sort((a, b) => highest(b) - highest(a))
    .filter((line, index) => index < (highest(line) > 0 ? most.lines : most.zeros));
  const format = writtenIn(panel.unit);
  return lineChart({
    title: panel.title,
    description: panel.meaning,
    x: axis(scene),
    y: { label: "", format, ...domainOf(panel) },
    series: lines,
    bands: scene.bands,
    width,
    height: plotHeight,
    ...(panel.logarithmic === true && { log: "y" as const }),
  });
}

const highest = ({ points }: { readonly points: readonly (readonly [number, number])[] }) =>
  Math.max(0, ...points.map(([, value]) => (Number.isFinite(value) ? Math.abs(value) : 0)));

/** Only an axis whose both ends the panel fixes. */
function domainOf({ min, max }: DataPanel): { domain?: readonly [number, number] } {
  return min === undefined || max === undefined ? {} : { domain: [min, max] };
}

/** How a state of a board looks in a picture. */
function lookOf({ text, color }: PanelState): TimelineState {
  switch (color) {
    case colors.healthy:
      return "quiet";
    case colors.pending:
      return "pending";
    case colors.undertaken:
      return "working";
    default:
      return text === "firing" ? "firing" : "failed";
  }
}

/** Points with the same state one after the other, as one span each. */
function spansOf(panel: DataPanel, { points }: RangeSeries, scene: Scene): TimelineSpan[] {
  const spans: TimelineSpan[] = [];
  for (const [at, value] of points) {
    const state = panel.states?.find((each) => each.value === value);
    if (state === undefined) continue;
    const [from, to] = [minutes(scene, at), minutes(scene, at + scene.stretch.step)];
    const last = spans.at(-1);
    if (last?.text === state.text && from - last.to < 0.001) spans[spans.length - 1] = { ...last, to };
    else spans.push({ from, to, state: lookOf(state), text: state.text });
  }
  return spans;
}

function timelinePicture(
  panel: DataPanel,
  queries: readonly AnsweredQuery[],
  scene: Scene,
  width: number,
): string {
  const rows: TimelineRow[] = queries.flatMap(({ query, series }) =>
    series.map((each) => ({ label: legendOf(query, each.labels), spans: spansOf(panel, each, scene) })),
  );
  const eventful = rows.filter(({ spans }) => spans.some(({ state }) => state !== "quiet"));
  const quiet = rows.filter((row) => !eventful.includes(row));
  const shown = rows.filter((row) => eventful.includes(row) || quiet.length <= most.rows);
  const left = rows.length - shown.length;
  const others: TimelineRow[] = left === 0 ? [] : [{ label: `${left} others`, spans: quiet[0]?.spans ?? [] }];
  return timelineChart({
    title: panel.title,
    description: panel.meaning,
    x: axis(scene),
    rows: [...shown, ...others],
    bands: scene.bands,
    width,
  });
}

/** The latest values, as a chart of one row each would waste the room. */
function statPicture(panel: DataPanel, queries: readonly AnsweredQuery[], width: number): string {
  const values = queries.flatMap(({ query, series }) =>
    series.flatMap(({ labels, points }) => {
      const last = points.at(-1)?.[1];
      const state = panel.states?.find(({ value }) => value === last);
      const text =
        state?.text ??
        (last === undefined ? undefined : writtenIn(query.unit ?? panel.unit)(Number(last.toPrecision(3))));
      return text === undefined ? [] : [{ label: legendOf(query, labels), text }];
    }),
  );
  return statList({ title: panel.title, description: panel.meaning, values, width });
}

/** A panel as an SVG picture of that width. */
export function panelPicture(
  panel: DataPanel,
  queries: readonly AnsweredQuery[],
  scene: Scene,
  width: number,
): string {
  switch (panel.kind) {
    case "timeseries":
      return linesPicture(panel, queries, scene, width);
    case "state-timeline":
      return timelinePicture(panel, queries, scene, width);
    case "stat":
      return statPicture(panel, queries, width);
  }
}
