import { labelMeanings } from "../../catalog/metrics.ts";
import type { DegradationMode } from "../../catalog/mode.ts";
import { modes } from "../../catalog/modes.ts";
import { type Role, roles } from "../../catalog/roles.ts";
import type { Notification, NotifiedAlert } from "./notification.ts";

/** Label sets of a question, and names of unknown alerts, that are kept; of more the rest is counted. */
const mostListed = 8;
/** Questions of a notification; a whole platform that burns has fewer. */
const mostQuestions = 60;
/** Characters of a label's value that are shown. */
const mostCharacters = 80;

/** Alerts of one mode, role and status, which have one answer. */
export interface Question {
  readonly mode: DegradationMode;
  /** The mode's role, or the one that the alert names; undefined where it names none that there is. */
  readonly role: Role | undefined;
  readonly status: "firing" | "resolved";
  /** Another platform's name, where the alert is not of this one. */
  readonly foreign: string | undefined;
  /** Labels that redisops gives its series; of everything else an alert may say, nothing is repeated. */
  readonly labels: readonly Readonly<Record<string, string>>[];
  /** Label sets that are not listed. */
  readonly more: number;
  /** When the first of them began, as an ISO date. */
  readonly since: string;
}

/** A notification, as what is to be answered. */
export interface Questions {
  readonly known: readonly Question[];
  /** Names of alerts that are not redisops'. */
  readonly unknown: readonly string[];
  /** Alerts that are not looked at: not redisops', or too many, or left out by Alertmanager. */
  readonly skipped: number;
}

/** Text of somebody else's, safe to be printed on a terminal: one line, without control characters, not long. */
function printable(text: string): string {
  // Bidirectional marks reorder what a reader sees, and belong to the format characters (Cf).
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?");
  return clean.length <= mostCharacters ? clean : `${clean.slice(0, mostCharacters)}…`;
}

const modeOf = new Map(modes.map((mode) => [mode.id, mode]));

function roleOf(mode: DegradationMode, { labels }: NotifiedAlert): Role | undefined {
  return mode.role === "any" ? roles.find((role) => role === labels.role) : mode.role;
}

function shownLabels({ labels }: NotifiedAlert, mode: DegradationMode): Record<string, string> {
  const own = Object.entries(labels).filter(
    ([label]) => Object.hasOwn(labelMeanings, label) && (label !== "role" || mode.role === "any"),
  );
  return Object.fromEntries(own.map(([label, value]) => [label, printable(value)]));
}

/** The questions that a notification puts; `platform` is the one that redisops.yaml is about. */
export function questionsOf({ alerts, truncatedAlerts = 0 }: Notification, platform: string): Questions {
  const groups = new Map<string, { mode: DegradationMode; alerts: NotifiedAlert[] }>();
  const unknown = new Set<string>();
  let skipped = truncatedAlerts;
  for (const alert of alerts) {
    const name = alert.labels.alertname ?? "";
    const mode = modeOf.get(name);
    if (mode === undefined) {
      if (unknown.size < mostListed) unknown.add(printable(name === "" ? "(no name)" : name));
      skipped += 1;
      continue;
    }
    const key = JSON.stringify([name, roleOf(mode, alert), alert.status, alert.labels.platform ?? platform]);
    const group = groups.get(key);
    if (group !== undefined) group.alerts.push(alert);
    else if (groups.size < mostQuestions) groups.set(key, { mode, alerts: [alert] });
    else skipped += 1;
  }
  const known = [...groups.values()].flatMap(({ mode, alerts: own }) => {
    const [first] = own;
    if (first === undefined) return [];
    const theirs = first.labels.platform;
    const sets = new Map(
      own.map((alert) => shownLabels(alert, mode)).map((set) => [JSON.stringify(set), set]),
    );
    return {
      mode,
      role: roleOf(mode, first),
      status: first.status,
      foreign: theirs === undefined || theirs === platform ? undefined : printable(theirs),
      labels: [...sets.values()].filter((set) => Object.keys(set).length > 0).slice(0, mostListed),
      more: Math.max(0, sets.size - mostListed),
      since: own.map(({ startsAt }) => startsAt).sort()[0] ?? first.startsAt,
    };
  });
  return { known, unknown: [...unknown], skipped };
}
