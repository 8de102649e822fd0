import type { RecoveryName } from "../../catalog/recoveries.ts";
import { exitCodes } from "../../core/error-codes.ts";
import { RedisopsError } from "../../core/errors.ts";
import { ownOptions } from "../../recovery/own-options.ts";
import { configFlag } from "../options.ts";
import { note, print, printJson, styled } from "../output.ts";
import { recoverSession } from "./recover-session.ts";
import { givenFlags, type RecoverOptions, runSettings } from "./recovery-options.ts";
import { plainPlan, showPlan } from "./show-plan.ts";
import { showReport } from "./show-report.ts";

/** `redisops recover <name>`: plans, and with --execute acts. Returns the exit code. */
export async function runRecovery(name: RecoveryName, options: RecoverOptions): Promise<number> {
  if (options.out !== undefined && options.execute) {
    throw new RedisopsError(
      "USAGE",
      "--out saves the plan instead of carrying it out: give --out or --execute",
    );
  }
  if (options.group !== undefined)
    return (await import("./run-together.ts")).runTogether(name, options, options.group);
  const own = ownOptions(name, { ...options });
  const session = await recoverSession(options);
  const [{ loadRecovery }, { executePlan, preparePlan }, { drilledDuration }] = await Promise.all([
    import("../../recovery/recoveries.ts"),
    import("../../recovery/engine.ts"),
    import("../../runbooks/drilled-duration.ts"),
  ]);
  const recovery = await loadRecovery(name);
  const context = session.context(own);
  const command = `redisops recover ${name}`;
  try {
    const { plan, pins, duration } = await preparePlan(recovery, context, drilledDuration(name));
    const shown = { recovery: name, plan: plainPlan({ plan, duration }) };
    if (!options.json) showPlan(name, plan, duration);
    if (plan.refusal !== undefined) throw plan.refusal;
    if (!plan.hasChanges) {
      if (options.json) printJson({ ...shown, status: "nothing_to_do" });
      else print("Nothing to do.");
      return exitCodes.done;
    }
    if (options.out !== undefined) {
      const { savePlan } = await import("../../recovery/saved-plan.ts");
      savePlan(options.out, session.config, { recovery: name, options: own, pins, plan });
      note(`plan saved in ${options.out}; redisops recover apply ${options.out} carries it out`);
    }
    if (!options.execute) {
      const confirm =
        plan.severe === undefined ? "" : ` --confirm=${session.config.platform}/${recovery.role}`;
      if (options.json) printJson({ ...shown, status: "planned" });
      else
        print(
          styled(
            "bold",
            `Nothing was changed. To carry it out: ${command}${givenFlags(name, { ...options })} --execute${confirm}${configFlag(options)}`,
          ),
        );
      return exitCodes.planHasChanges;
    }
    const report = await executePlan(recovery, context, plan, runSettings(options), pins);
    return showReport(report, options.json, command, shown);
  } finally {
    session.release();
  }
}
