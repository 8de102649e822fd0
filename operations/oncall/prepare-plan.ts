import type { RecoveryName } from "../../catalog/recoveries.ts";
import type { Config } from "../../core/config/schema.ts";
import { withDeadline } from "../../core/deadline.ts";
import { RedisopsError, toRedisopsError } from "../../core/errors.ts";
import { type PreparedPlan, preparePlan } from "../../recovery/engine.ts";
import type { OptionsOf } from "../../recovery/options.ts";
import { ownOptions } from "../../recovery/own-options.ts";
import type { Recovery, RecoveryContext } from "../../recovery/recovery.ts";
import { drilledDuration } from "../../runbooks/drilled-duration.ts";
import type { PlanAnswer } from "./answer.ts";

/** Longest time for a plan, in milliseconds; a plan counts rows and may take a while on a large platform. */
const planDeadline = 30_000;

/** A recovery with the context in which it is planned and, maybe, carried out: with its options' defaults. */
export interface PlannedRecovery {
  readonly recovery: Recovery;
  readonly context: RecoveryContext;
  readonly prepared: PreparedPlan<unknown>;
}

/** Plans a recovery; changes nothing. Rejects with what keeps it from being planned, or when `signal` is aborted. */
export async function planned(
  name: RecoveryName,
  config: Config,
  signal: AbortSignal,
  onWarning: (message: string) => void,
): Promise<PlannedRecovery> {
  const { loadRecovery } = await import("../../recovery/recoveries.ts");
  const recovery = await loadRecovery(name);
  const late = () =>
    new RedisopsError(
      "INTERRUPTED",
      `The plan was not there within ${planDeadline / 1000} s and was given up`,
      {
        next: `Run redisops recover ${name}, which has no such limit.`,
      },
    );
  const patience = new AbortController();
  const context: RecoveryContext = {
    config,
    options: ownOptions(name, {}) as OptionsOf<RecoveryName>,
    signal: AbortSignal.any([signal, patience.signal]),
    onProgress: () => undefined,
    onStepEnd: () => undefined,
    onWarning,
  };
  const prepared = await withDeadline(
    preparePlan(recovery, context, drilledDuration(name)),
    planDeadline,
    () => {
      const error = late();
      patience.abort(error);
      return error;
    },
  );
  return { recovery, context: { ...context, signal }, prepared };
}

const nothing = { target: null, facts: [], steps: [], risks: [], severe: null, duration: null };

/** A plan as an answer has it. Never rejects: what keeps it from being made is its answer. */
export async function planAnswer(
  name: RecoveryName,
  config: Config,
  signal: AbortSignal,
): Promise<PlanAnswer> {
  try {
    const { prepared } = await planned(name, config, signal, () => undefined);
    const { target, facts, steps, risks, severe, refusal, hasChanges } = prepared.plan;
    const status = refusal !== undefined ? "refused" : hasChanges ? "planned" : "nothing_to_do";
    const error = refusal?.toJSON() ?? null;
    return {
      recovery: name,
      status,
      target,
      facts,
      steps,
      risks,
      severe: severe ?? null,
      duration: prepared.duration,
      error,
    };
  } catch (error) {
    return { recovery: name, status: "failed", ...nothing, error: toRedisopsError(error).toJSON() };
  }
}
