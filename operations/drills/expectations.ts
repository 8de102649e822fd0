import type { DegradationMode } from "../../catalog/mode.ts";
import { modes } from "../../catalog/modes.ts";
import type { WatchedAlert } from "./alert-watch.ts";
import { consequences, type Drill } from "./drill.ts";
import type { DrillAlert } from "./drill-result.ts";
import type { DrillBooks, DrillNotification } from "./target.ts";

/** Milliseconds after which Alertmanager must know of an inhibition: its own group interval, and a look of ours. */
const settleMs = 6_000;

const heartbeats: ReadonlySet<string> = new Set(
  modes.filter(({ nature }) => nature === "heartbeat").map(({ id }) => id),
);
const catalogued = new Map(modes.map((mode) => [mode.id, mode]));

/** Whether an alert says something about a mode, and is not the heartbeat that always fires. */
export const isModeAlert = (name: string): boolean => catalogued.has(name) && !heartbeats.has(name);

/** What a drill expects of an alert by its name. */
export function expectedOf(drill: Drill, name: string): DrillAlert["expected"] {
  if (drill.modes.some(({ id }) => id === name)) return "required";
  return consequences(drill).has(name) ? "allowed" : "unexpected";
}

/** Labels that name a part of a role; an inhibition is about the same part, where both name it. */
const partLabels = ["role", "provider", "account", "shard"];

function silences(source: WatchedAlert, target: WatchedAlert): boolean {
  const mode: DegradationMode | undefined = catalogued.get(source.alert);
  if (mode?.inhibits.includes(target.alert) !== true) return false;
  if (source.labels.severity !== "page" && target.labels.severity !== "ticket") return false;
  return partLabels.every((label) => {
    const [own, other] = [source.labels[label], target.labels[label]];
    return own === other || (label !== "role" && (own === undefined || other === undefined));
  });
}

/** What should have been silent and was not: alerts that Alertmanager did not hold back although their cause fired. */
export function notSilenced(
  alerts: readonly WatchedAlert[],
  notifications: readonly DrillNotification[],
): string[] {
  return alerts.flatMap((target) => {
    const problems = new Set<string>();
    for (const source of alerts.filter((each) => silences(each, target))) {
      const loud = target.held.filter(({ inhibited }) => !inhibited);
      for (const cause of source.held) {
        const together = loud.some(
          ({ from, to }) => Math.min(to, cause.to) - Math.max(from, cause.from) > settleMs,
        );
        if (together)
          problems.add(`${target.alert} is not silent in Alertmanager while ${source.alert} fires`);
      }
    }
    for (const { from, to } of target.held.filter(({ inhibited }) => inhibited)) {
      const told = notifications.some(
        ({ receivedAt, firing }) =>
          receivedAt > from + settleMs &&
          receivedAt < to &&
          firing.some((labels) => sameAlert(labels, target)),
      );
      if (told) problems.add(`${target.alert} was notified while Alertmanager shows it as inhibited`);
    }
    return [...problems];
  });
}

function sameAlert(labels: Readonly<Record<string, string>>, { labels: own }: WatchedAlert): boolean {
  return Object.entries(own).every(([name, value]) => labels[name] === value);
}

/** The first notification after a moment that says that an alert fires; `receiver` as the alert's severity asks. */
export function notificationOf(
  alert: WatchedAlert,
  since: number,
  notifications: readonly DrillNotification[],
): DrillNotification | undefined {
  return notifications.find(
    ({ receivedAt, receiver, firing }) =>
      receivedAt >= since &&
      receiver === alert.labels.severity &&
      firing.some((labels) => sameAlert(labels, alert)),
  );
}

/** What the books say against a drill: what was there before it, and after it. */
export function bookProblems(before: DrillBooks, after: DrillBooks): string[] {
  const problems: string[] = [];
  if ((after.messagesLost ?? 0) > 0) problems.push(`${after.messagesLost} accepted messages are lost`);
  if ((after.unaccounted ?? 0) !== 0) problems.push(`${after.unaccounted} notifications are unaccounted for`);
  const disorder = (after.outOfOrder ?? 0) - (before.outOfOrder ?? 0);
  if (disorder > 0) problems.push(`${disorder} messages came out of order`);
  return problems;
}
