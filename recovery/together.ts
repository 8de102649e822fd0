import { setTimeout as delay } from "node:timers/promises";
import type { RecoveryName } from "../catalog/recoveries.ts";
import type { Config } from "../core/config/schema.ts";
import { RedisopsError } from "../core/errors.ts";
import { executePlan, preparePlan, type RunReport, type RunSettings, resumeRun } from "./engine.ts";
import { joinRun } from "./join.ts";
import type { Recovery, RecoveryContext } from "./recovery.ts";
import { findGroupRun, findJournal, listedRun } from "./run/find-runs.ts";
import { readRun } from "./run/run-state.ts";

/** Pause between two looks at a run that another process carries out, in milliseconds. */
const lookInterval = 2_000;

/** What a process has done of a run that it shared. */
export type SharedOutcome =
  /** It carried the run out, or finished it for a process that was gone. */
  | { readonly did: "carried out"; readonly report: RunReport }
  /** The run succeeded in another process. */
  | { readonly did: "helped"; readonly run: string }
  | { readonly did: "nothing" };

/** What was read before the lock was taken is not so any more: another process of the group was faster. */
class Overtaken extends Error {}

const isCode = (error: unknown, ...codes: readonly RedisopsError["code"][]) =>
  error instanceof RedisopsError && codes.includes(error.code);

function requirePostgres({ postgres }: Config, { lock }: RunSettings): void {
  if (lock === "file")
    throw new RedisopsError("USAGE", "--group needs the lock in Postgres: leave --lock=file out");
  if (postgres === undefined) {
    throw new RedisopsError(
      "CONFIG_INCOMPLETE",
      "redisops.yaml has no postgres: processes of a group find their run there",
    );
  }
}

/**
 * Carries a recovery out together with other processes that are given the same group, such as the pods of a Kubernetes
 * Job: one begins the run, the others help it where its work can be shared, and one of them goes on with it where that
 * process is gone. A group has one run: a process that starts when it is over does nothing. Rejects with what stopped the
 * run in this process, with VERIFICATION_FAILED where it was carried out and does not hold, and as
 * {@link executePlan} does.
 */
export async function carryOutTogether<Name extends RecoveryName>(
  recovery: Recovery<unknown, Name>,
  context: RecoveryContext<Name>,
  group: string,
  settings: RunSettings,
): Promise<SharedOutcome> {
  const { config, signal, onWarning } = context;
  requirePostgres(config, settings);
  const find = () => findGroupRun(config, recovery.name, group);

  const begin = async (): Promise<SharedOutcome> => {
    const { plan, pins } = await preparePlan(recovery, context);
    if (plan.refusal !== undefined) throw plan.refusal;
    if (!plan.hasChanges) return { did: "nothing" };
    const underLock = async () => {
      if ((await find()) !== undefined) throw new Overtaken();
    };
    return {
      did: "carried out",
      report: await executePlan(recovery, context, plan, { ...settings, group, underLock }, pins),
    };
  };

  /** Undefined: to be looked at again. */
  const goOnWith = async (run: string): Promise<SharedOutcome | undefined> => {
    const entries = await findJournal(config, run, onWarning);
    const journalled = readRun(run, entries);
    const { state, code } = await listedRun(config, run, entries, onWarning);
    if (state === "succeeded") return { did: "helped", run };
    if (code === "VERIFICATION_FAILED") {
      throw new RedisopsError(
        "VERIFICATION_FAILED",
        `Run ${run} was carried out, and its verification does not hold`,
      );
    }
    const own = { ...context, options: journalled.started.options as typeof context.options };
    if (state === "running") {
      if (recovery.work !== undefined) await joinRun(recovery, own, journalled);
      return undefined;
    }
    if (state === "unknown") return undefined;
    const underLock = async () => {
      if ((await findJournal(config, run, onWarning)).length > entries.length) throw new Overtaken();
    };
    return {
      did: "carried out",
      report: await resumeRun(recovery, own, run, entries, { ...settings, underLock }),
    };
  };

  for (;;) {
    signal.throwIfAborted();
    try {
      const run = await find();
      const outcome = run === undefined ? await begin() : await goOnWith(run);
      if (outcome !== undefined) return outcome;
    } catch (error) {
      // Another process has the role, or had it and is done: the next look tells which.
      if (!(error instanceof Overtaken) && !isCode(error, "LOCK_HELD", "RUN_FINISHED", "FENCED_OFF"))
        throw error;
    }
    await delay(lookInterval, undefined, { signal }).catch(() => undefined);
  }
}
