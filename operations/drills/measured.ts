import { parseDuration } from "../../core/duration.ts";
import { effectiveThresholds } from "../../core/signal/thresholds.ts";
import type { WatchedAlert } from "./alert-watch.ts";
import type { DrillContext } from "./context.ts";
import { type DrillDecisions, expectedFallbacks } from "./decisions.ts";
import { type Drill, drillName } from "./drill.ts";
import type { DrillLog } from "./drill-log.ts";
import type { DrillAlert, DrillClock, DrillResult } from "./drill-result.ts";
import { expectedOf, notificationOf, notSilenced } from "./expectations.ts";
import type { DrillBooks, DrillTarget } from "./target.ts";

/** What a drill has measured so far; moments are milliseconds since it began. */
export interface Measured {
  before?: DrillBooks | undefined;
  after?: DrillBooks | undefined;
  fault?: number | undefined;
  detected?: number | undefined;
  recovering?: number | undefined;
  recovered?: number | undefined;
}

const seconds = (from: number | undefined, to: number | undefined): number | null =>
  from === undefined || to === undefined ? null : Math.round((to - from) / 100) / 10;

const difference = (before: number | null | undefined, after: number | null | undefined): number | null =>
  typeof before === "number" && typeof after === "number" ? after - before : null;

function clockOf(drill: Drill, target: DrillTarget): DrillClock[] {
  const inSeconds = (duration: string | number | undefined) =>
    parseDuration(String(duration ?? "0s")) / 1_000;
  return drill.modes.map((mode) => ({
    mode: mode.id,
    catalogFor: inSeconds(mode.thresholds.for.value),
    drillFor: inSeconds(effectiveThresholds(mode, target.thresholds).for),
  }));
}

function seenAlert(alert: WatchedAlert, drill: Drill, log: DrillLog, context: DrillContext): DrillAlert {
  const { startedAt } = log;
  const told = notificationOf(alert, startedAt, context.target.notifications() ?? []);
  return {
    alert: alert.alert,
    labels: alert.labels,
    expected: expectedOf(drill, alert.alert),
    spans: alert.spans
      .filter(({ to }) => to >= startedAt)
      .map(({ state, from, to }) => ({ state, from: Math.max(0, from - startedAt), to: to - startedAt })),
    ...(told !== undefined && { notifiedAt: told.receivedAt - startedAt }),
    ...(alert.held.length > 0 && {
      inhibited: alert.held.some(({ inhibited, to }) => inhibited && to >= startedAt),
    }),
  };
}

/** Puts a drill's result together, and judges what was seen as a whole. */
export function drillResult(
  context: DrillContext,
  drill: Drill,
  log: DrillLog,
  measured: Measured,
  watched: readonly WatchedAlert[],
  decisions: DrillDecisions | undefined,
): DrillResult {
  const { target } = context;
  const fired = watched.filter(({ spans }) =>
    spans.some(({ state, to }) => state === "firing" && to >= log.startedAt),
  );
  for (const { alert, labels } of fired) {
    if (expectedOf(drill, alert) !== "unexpected") continue;
    const where = Object.entries(labels).filter(([name]) => name !== "alertname" && name !== "nature");
    log.fail(`${alert} fired and is not expected (${where.map((pair) => pair.join("=")).join(", ")})`);
  }
  log.fail(...notSilenced(fired, target.notifications() ?? []));
  if (decisions !== undefined && measured.detected !== undefined) {
    for (const mode of drill.modes) {
      const fallbacks = expectedFallbacks(mode);
      if (fallbacks.length > 0 && !fallbacks.some((name) => decisions.byFallback.has(name)))
        log.fail(`${mode.id}: no decision by ${fallbacks.join(" or ")} was counted`);
    }
  }
  const required = drill.modes
    .filter(({ id, nature }) => nature !== "heartbeat" && !fired.some(({ alert }) => alert === id))
    .map(({ id }): DrillAlert => ({ alert: id, labels: {}, expected: "required", spans: [] }));
  const contained = decisions?.firstFallback;
  return {
    drill: drillName(drill),
    modes: drill.modes.map(({ id }) => id),
    target: target.name,
    seed: context.seed,
    startedAt: new Date(log.startedAt).toISOString(),
    passed: log.problems.length === 0,
    problems: log.problems,
    events: log.events,
    decisions: decisions?.series ?? [],
    alerts: [
      ...watched
        .filter((alert) => fired.includes(alert) || expectedOf(drill, alert.alert) === "required")
        .map((alert) => seenAlert(alert, drill, log, context)),
      ...required,
    ],
    recoveries: log.recoveries,
    seconds: {
      detect: seconds(measured.fault, measured.detected),
      contain: seconds(measured.fault, contained === undefined ? undefined : contained - log.startedAt),
      recover: seconds(measured.recovering, measured.recovered),
      total: seconds(0, log.now) ?? 0,
    },
    clocks: clockOf(drill, target),
    messagesLost: measured.after?.messagesLost ?? null,
    duplicates: difference(measured.before?.duplicates, measured.after?.duplicates),
    exposures: difference(measured.before?.exposures, measured.after?.exposures),
    versions: context.versions,
  };
}
