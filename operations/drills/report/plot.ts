import type {
  ChartMark,
  ChartSeries,
  LinePanel,
  TimelinePanel,
  TimelineRow,
  TimelineSpan,
} from "../../../core/chart/chart.ts";
import { stackedChart } from "../../../core/chart/stacked-chart.ts";
import { formatDuration } from "../../../core/duration.ts";
import {
  type DrillAlert,
  type DrillRecovery,
  type DrillResult,
  type DrillSeries,
  undone,
} from "../drill-result.ts";

/** Lines that are told apart on one plot; the others are added up. */
const mostLines = 8;
/** Rows for alerts; a platform whose every alert fires needs no longer picture to say so. */
const mostAlerts = 30;

const largest = ({ points }: DrillSeries): number =>
  points.reduce((most, [, value]) => Math.max(most, Number.isFinite(value) ? value : 0), 0);

/** The busiest kinds by themselves, the others as one line; what never happened is left out. */
function decisionLines(decisions: readonly DrillSeries[]): ChartSeries[] {
  const busiest = decisions.filter((series) => largest(series) > 0).sort((a, b) => largest(b) - largest(a));
  const shown = busiest.length <= mostLines ? busiest : busiest.slice(0, mostLines - 1);
  const others = busiest.slice(shown.length);
  const lines = shown.map(({ name, points }) => ({ name, points: inSeconds(points) }));
  if (others.length === 0) return lines;
  const sums = new Map<number, number>();
  for (const [at, value] of others.flatMap(({ points }) => points)) {
    if (Number.isFinite(value)) sums.set(at, (sums.get(at) ?? 0) + value);
  }
  const points = [...sums].sort(([a], [b]) => a - b);
  return [...lines, { name: `${others.length} other kinds`, points: inSeconds(points) }];
}

const inSeconds = (points: DrillSeries["points"]) => points.map(([at, value]) => [at / 1000, value] as const);

/** Seconds before the fault that are shown: a drill may have waited minutes for a steady state. */
const leadTime = 10;

/** The second from which on a drill is shown. */
function shownFrom({ events }: DrillResult): number {
  const fault = events.find(({ phase }) => phase === "fault")?.at;
  return fault === undefined ? 0 : Math.max(0, Math.floor(fault / 1000 - leadTime));
}

/** An alert's name with the labels that tell it from others of that name. */
export function alertLabel({ alert, labels }: Pick<DrillAlert, "alert" | "labels">): string {
  const telling = ["role", "shard", "provider", "account", "rule", "severity"].flatMap((name) => {
    const value = labels[name];
    return value === undefined || (name === "severity" && !alert.includes("Burn")) ? [] : [value];
  });
  return telling.length === 0 ? alert : `${alert} ${telling.join("/")}`;
}

function alertRow(alert: DrillAlert): TimelineRow {
  const note =
    alert.inhibited === true ? "inhibited" : alert.notifiedAt === undefined ? undefined : "notified";
  const spans = alert.spans.map(({ state, from, to }): TimelineSpan => {
    const text = state === "firing" && note !== undefined ? `firing, ${note}` : state;
    return { from: from / 1000, to: to / 1000, state, text };
  });
  const kind = alert.expected === "unexpected" ? " (unexpected)" : "";
  return { label: `${alertLabel(alert)}${kind}`, spans };
}

function recoveryRow(recovery: DrillRecovery): TimelineRow {
  const ended =
    recovery.exitCode === 0
      ? { state: "done" as const, text: "done" }
      : { state: "failed" as const, text: `exit ${recovery.exitCode}` };
  const label = recovery.command.replace(/^redisops /, "").replace(/ --execute$/, "");
  return {
    label,
    spans: [{ from: recovery.from / 1000, to: recovery.to / 1000, ...ended }],
  };
}

/** From the first fault until the last one was undone. */
function faultRow({ events, seconds }: DrillResult): TimelineRow[] {
  const from = events.find(({ phase }) => phase === "fault")?.at;
  if (from === undefined) return [];
  const to = events.findLast(({ what }) => what.startsWith(undone))?.at ?? seconds.total * 1000;
  return [{ label: "fault", spans: [{ from: from / 1000, to: Math.max(from, to) / 1000, state: "fault" }] }];
}

/** The moments that a reader looks for, on the drill's own time axis. */
function marks({ events, seconds }: DrillResult): ChartMark[] {
  const fault = events.find(({ phase }) => phase === "fault")?.at;
  const after = (label: string, delay: number | null): ChartMark[] =>
    fault === undefined || delay === null
      ? []
      : [{ at: fault / 1000 + delay, label: `${label} ${formatDuration(delay * 1000)}` }];
  const first = (phase: string, label: string): ChartMark[] => {
    const event = events.find((each) => each.phase === phase);
    return event === undefined ? [] : [{ at: event.at / 1000, label }];
  };
  return [
    ...first("fault", "fault"),
    ...after("contained after", seconds.contain),
    ...after("detected after", seconds.detect),
    ...first("resolved", "resolved"),
    ...first("steady-again", "steady again"),
  ];
}

/**
 * A drill as a picture: decisions by their kind, the alerts’ states, notifications and the recovery over one time axis,
 * in seconds since the drill began. SVG; see {@link stackedChart}.
 */
export function drillPlot(result: DrillResult): string {
  const from = shownFrom(result);
  const seen = result.decisions.map((series) => ({
    ...series,
    points: series.points.filter(([at]) => at >= from * 1000),
  }));
  const decisions: LinePanel = {
    kind: "lines",
    y: { label: result.decisions[0]?.unit ?? "decisions/s" },
    series: decisionLines(seen),
    height: 180,
  };
  const states: TimelinePanel = {
    kind: "timeline",
    rows: [
      ...faultRow(result),
      ...result.alerts.slice(0, mostAlerts).map(alertRow),
      ...result.recoveries.map(recoveryRow),
    ],
  };
  return stackedChart({
    title: `${result.modes.join(", ")}: ${result.drill}`,
    x: { label: "seconds since the drill began", domain: [from, Math.max(from + 1, result.seconds.total)] },
    panels: result.decisions.length === 0 ? [states] : [decisions, states],
    marks: marks(result),
  });
}
