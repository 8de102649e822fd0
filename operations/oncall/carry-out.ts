import type { DegradationMode } from "../../catalog/mode.ts";
import { type RecoveryName, recoveryRoles } from "../../catalog/recoveries.ts";
import type { Config } from "../../core/config/schema.ts";
import type { ErrorCodeName } from "../../core/error-codes.ts";
import { toRedisopsError } from "../../core/errors.ts";
import { platformStatus } from "../../exporters/status.ts";
import { executePlan } from "../../recovery/engine.ts";
import { listRuns } from "../../recovery/run/find-runs.ts";
import { lookAtPlatform, observeMode } from "../diagnosis/observe-mode.ts";
import { alertFires, alertMuted } from "./alert-state.ts";
import type { Execution } from "./answer.ts";
import { type Found, mayCarryOut, mayPlan, type Verdict } from "./may-execute.ts";
import { planned } from "./prepare-plan.ts";

/** Errors of the engine after which looking again can help: nothing was begun. */
const notYet: readonly ErrorCodeName[] = ["LOCK_HELD", "PLAN_STALE"];

/** The latest runs; undefined where not all of them can be listed, by whomever they were begun. */
async function knownRuns(config: Config): Promise<Found["runs"]> {
  let whole = true;
  try {
    const runs = await listRuns(config, () => {
      whole = false;
    });
    return whole ? runs : undefined;
  } catch {
    return undefined;
  }
}

/** Looks at everything that decides whether a recovery may be carried out now. */
async function find(recovery: RecoveryName, mode: DegradationMode, config: Config): Promise<Found> {
  const look = lookAtPlatform(config);
  const [firing, muted, live, { results }, runs] = await Promise.all([
    alertFires(mode, config),
    alertMuted(mode, config),
    observeMode(mode, config, look),
    look,
    knownRuns(config),
  ]);
  const rows = platformStatus(results, config.thresholds, [], Date.now());
  const servers = rows.filter(({ role }) => role === recoveryRoles[recovery] || role === "postgres");
  return {
    recovery,
    firing: config.alertmanager !== undefined && muted === undefined ? undefined : firing,
    muted: muted ?? false,
    live,
    servers: servers.some(({ role }) => role !== "postgres") ? servers : [],
    runs,
    now: Date.now(),
  };
}

type Outcome = Pick<Execution, "outcome" | "because"> &
  Partial<Pick<Execution, "run" | "seconds" | "facts" | "next">>;

const notDone = (verdict: Verdict & { readonly may: false }, recovery: RecoveryName): Outcome => ({
  outcome: verdict.outcome,
  because: verdict.because,
  next: verdict.outcome === "refused" ? `redisops recover ${recovery}` : null,
});

async function outcomeOf(
  recovery: RecoveryName,
  mode: DegradationMode,
  config: Config,
  signal: AbortSignal,
  onWarning: (message: string) => void,
): Promise<Outcome> {
  const before = mayPlan(config.oncall, await find(recovery, mode, config));
  if (!before.may) return notDone(before, recovery);
  try {
    const { recovery: work, context, prepared } = await planned(recovery, config, signal, onWarning);
    const allowed = mayCarryOut(config.oncall, recovery, prepared.plan);
    if (!allowed.may) return notDone(allowed, recovery);
    // The plan may have taken a while.
    if ((await alertFires(mode, config)) !== true)
      return { outcome: "waiting", because: "the alert does not fire any more, or Prometheus does not say" };
    const confirm = `${config.platform}/${work.role}`;
    const report = await executePlan(work, context, prepared.plan, { confirm }, prepared.pins);
    const { holds, facts } = report.verification;
    return {
      outcome: holds ? "done" : "verification_failed",
      because: `the alert fires, the mode holds, and oncall.execute names ${recovery}`,
      run: report.run,
      seconds: report.seconds,
      facts,
      next: holds ? null : `redisops recover show ${report.run}`,
    };
  } catch (error) {
    const { code, message, next, resume } = toRedisopsError(error);
    const because = `${code}: ${message}`;
    return notYet.includes(code)
      ? { outcome: "waiting", because }
      : { outcome: "failed", because, run: resume ?? null, next };
  }
}

/**
 * Carries a recovery out if everything says that it may be done without a person: redisops.yaml names it, the alert
 * fires, the mode holds, the servers are back, nobody else is at it, none was begun lately, and a plan that is made now
 * is neither refused nor severe. Locks, fencing, journal and verification are the engine's, as for a person. Never
 * rejects.
 */
export async function carryOut(
  recovery: RecoveryName,
  mode: DegradationMode,
  config: Config,
  signal: AbortSignal,
  onWarning: (message: string) => void,
): Promise<Execution> {
  const outcome = await outcomeOf(recovery, mode, config, signal, onWarning);
  return {
    kind: "execution",
    platform: config.platform,
    at: new Date().toISOString(),
    recovery,
    alert: mode.id,
    ...{ run: null, seconds: null, facts: [], next: null },
    ...outcome,
  };
}
