import { ruleOptions } from "../../alerts/defaults.ts";
import { linkAnnotations } from "../../alerts/rules.ts";
import type { DegradationMode } from "../../catalog/mode.ts";
import { type RecoveryName, recoveryRoles } from "../../catalog/recoveries.ts";
import type { Config } from "../../core/config/schema.ts";
import { type LiveMode, lookAtPlatform, observeMode } from "../diagnosis/observe-mode.ts";
import type { AlertAnswer, Answer, PlanAnswer } from "./answer.ts";
import { nextStep } from "./next-step.ts";
import type { Notification } from "./notification.ts";
import { planAnswer } from "./prepare-plan.ts";
import { type Question, questionsOf } from "./question.ts";

/** The recovery that a mode's page names; undefined where no command ends the mode. */
export function recoveryOf({ remedy }: DegradationMode): RecoveryName | undefined {
  if (remedy.kind === "none") return undefined;
  const name = remedy.command.split(" ")[2] ?? "";
  return Object.hasOwn(recoveryRoles, name) ? (name as RecoveryName) : undefined;
}

const verdictOf = ({ holds }: LiveMode) => (holds === null ? "not known" : holds ? "holds" : "does not hold");

/** What only the alert's own role is about, where the mode may hold for any. */
function ofRole(live: LiveMode, mode: DegradationMode, role: Question["role"]): LiveMode {
  if (mode.role !== "any" || role === undefined) return live;
  const findings = live.findings.filter(({ labels }) => labels.role === undefined || labels.role === role);
  return {
    ...live,
    findings,
    holds: live.holds === null ? null : findings.some(({ holds }) => holds),
    alerts: live.alerts.filter(({ labels }) => labels.role === undefined || labels.role === role),
    rows: live.rows.filter((row) => row.role === role),
  };
}

/**
 * Answers a notification: looks at the platform once, and plans what would end the modes that hold. Nothing is changed,
 * and nothing of what the notification says decides where anything connects to. Never rejects for what it finds; only
 * an aborted `signal` does not let it finish.
 */
export async function answerNotification(
  notification: Notification,
  config: Config,
  signal: AbortSignal,
): Promise<Answer> {
  const { known, unknown, skipped } = questionsOf(notification, config.platform);
  const links = ruleOptions(config);
  const asked = known.filter(({ status, foreign }) => status === "firing" && foreign === undefined);
  const look = asked.length === 0 ? undefined : lookAtPlatform(config);
  const lives = new Map<string, Promise<LiveMode>>();
  const plans = new Map<RecoveryName, Promise<PlanAnswer>>();
  const once = <Key, Value>(made: Map<Key, Value>, key: Key, make: () => Value): Value => {
    const found = made.get(key) ?? make();
    made.set(key, found);
    return found;
  };

  const answerOf = async (question: Question): Promise<AlertAnswer> => {
    const { mode, role, status, foreign, labels, more, since } = question;
    const { runbook_url: runbook = "", dashboard_url: dashboard = "" } = linkAnnotations(mode, links);
    const about = {
      alert: mode.id,
      title: mode.title,
      role: role ?? null,
      severity: mode.severity,
      ...{ status, since, labels, more, runbook, dashboard },
    };
    const notLooked = { verdict: "not looked", live: null, decide: [], plan: null } as const;
    if (foreign !== undefined) {
      const next = `It is of the platform ${foreign}; this redisops.yaml is about ${config.platform}.`;
      return { ...about, ...notLooked, next };
    }
    if (status === "resolved") return { ...about, ...notLooked, next: "Nothing: it is over." };
    const live = ofRole(await once(lives, mode.id, () => observeMode(mode, config, look)), mode, role);
    const verdict = verdictOf(live);
    const recovery = verdict === "does not hold" ? undefined : recoveryOf(mode);
    const plan =
      recovery === undefined ? null : await once(plans, recovery, () => planAnswer(recovery, config, signal));
    return {
      ...about,
      verdict,
      live,
      decide: mode.diagnosis[0]?.branches ?? [],
      plan,
      next: nextStep(mode, verdict, plan, config.platform),
    };
  };

  const alerts = await Promise.all(known.map(answerOf));
  signal.throwIfAborted();
  return {
    kind: "answer",
    platform: config.platform,
    status: notification.status,
    at: new Date().toISOString(),
    alerts,
    unknown,
    skipped,
  };
}
