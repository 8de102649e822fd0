import { exitCodes } from "../../core/error-codes.ts";
import { type CommonOptions, configFlag } from "../options.ts";
import { note, printJson } from "../output.ts";
import { recoverSession } from "./recover-session.ts";
import { type ActOptions, runSettings } from "./recovery-options.ts";
import { plainPlan, showPlan } from "./show-plan.ts";
import { showReport } from "./show-report.ts";

/** `redisops recover apply <file>`: carries out a saved plan, if it is still right. Returns the exit code. */
export async function applyPlan(options: ActOptions & { readonly file: string }): Promise<number> {
  const [{ loadRecovery }, { executePlan }, { readPlan }] = await Promise.all([
    import("../../recovery/recoveries.ts"),
    import("../../recovery/engine.ts"),
    import("../../recovery/saved-plan.ts"),
  ]);
  const session = await recoverSession(options);
  try {
    const { recovery: name, options: own, pins, plan } = readPlan(options.file, session.config);
    if (!options.json) showPlan(name, plan, "as planned");
    const report = await executePlan(
      await loadRecovery(name),
      session.context(own),
      plan,
      runSettings(options),
      pins,
    );
    const shown = { recovery: name, plan: plainPlan({ plan, duration: "as planned" }) };
    return showReport(report, options.json, `redisops recover apply ${options.file}`, shown);
  } finally {
    session.release();
  }
}

/** `redisops recover resume <run>`: goes on with a run that stopped half-way. Returns the exit code. */
export async function resume(options: ActOptions & { readonly run: string }): Promise<number> {
  const [{ loadRecovery }, { resumeRun }, { findJournal }, { readRun }] = await Promise.all([
    import("../../recovery/recoveries.ts"),
    import("../../recovery/engine.ts"),
    import("../../recovery/run/find-runs.ts"),
    import("../../recovery/run/run-state.ts"),
  ]);
  const session = await recoverSession(options);
  try {
    const entries = await findJournal(session.config, options.run, session.onWarning);
    const { started } = readRun(options.run, entries);
    const recovery = await loadRecovery(started.recovery);
    const context = session.context(started.options);
    const report = await resumeRun(recovery, context, options.run, entries, runSettings(options));
    const shown = { recovery: started.recovery, resumed: options.run };
    return showReport(report, options.json, `redisops recover resume ${options.run}`, shown);
  } finally {
    session.release();
  }
}

/** `redisops recover join <run>`: helps a run that is under way elsewhere. Returns the exit code. */
export async function join(options: CommonOptions & { readonly run: string }): Promise<number> {
  const [{ loadRecovery }, { joinRun }, { findJournal }, { readRun }] = await Promise.all([
    import("../../recovery/recoveries.ts"),
    import("../../recovery/join.ts"),
    import("../../recovery/run/find-runs.ts"),
    import("../../recovery/run/run-state.ts"),
  ]);
  const session = await recoverSession(options);
  try {
    const entries = await findJournal(session.config, options.run, session.onWarning);
    const journalled = readRun(options.run, entries);
    const context = session.context(journalled.started.options);
    await joinRun(await loadRecovery(journalled.started.recovery), context, journalled);
    if (options.json) printJson({ joined: options.run, status: "done" });
    else {
      note(`No part of run ${options.run} is left; the process that started it finishes and verifies it.`);
      note(`  redisops recover show ${options.run}${configFlag(options)}`);
    }
    return exitCodes.done;
  } finally {
    session.release();
  }
}
