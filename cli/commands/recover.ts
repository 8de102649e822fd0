import type { CommandModule } from "yargs";
import type { RecoveryName } from "../../catalog/recoveries.ts";
import { exitCodes } from "../../core/error-codes.ts";
import { RedisopsError } from "../../core/errors.ts";
import { recoveryCommands } from "../../recovery/options.ts";
import { type CommonOptions, commonOptions, configFlag } from "../options.ts";
import { aligned, note, print, printJson, reportError, styled } from "../output.ts";

interface RecoverOptions extends CommonOptions {
  readonly execute: boolean;
}

async function run(name: RecoveryName, options: RecoverOptions): Promise<number> {
  const [{ loadConfig }, { recoveries }, { executePlan, preparePlan }, { progressView }, { interruptible }] =
    await Promise.all([
      import("../../core/config/load.ts"),
      import("../../recovery/recoveries.ts"),
      import("../../recovery/engine.ts"),
      import("../progress.ts"),
      import("../interrupt.ts"),
    ]);
  const config = loadConfig(options.config);
  const recovery = recoveries[name];
  const view = progressView(options.json);
  const interrupt = interruptible((signal) => {
    view.end();
    note(
      options.json
        ? JSON.stringify({ event: "stopping", signal })
        : "Stopping at the next safe point; press Ctrl-C again to end at once.",
    );
  });
  const context = {
    config,
    options: {},
    signal: interrupt.signal,
    onProgress: view.update.bind(view),
    onStepEnd: view.end.bind(view),
    onWarning: (message: string) => {
      view.end();
      note(options.json ? JSON.stringify({ event: "warning", message }) : `warning: ${message}`);
    },
  };
  const command = `redisops recover ${name}`;
  try {
    const { plan, duration } = await preparePlan(recovery, context);
    const { refusal, details, ...shown } = plan;
    if (!options.json) {
      print(styled("bold", `Plan: recover ${name} on ${plan.target}`));
      for (const line of aligned([...plan.facts, { label: "duration", value: duration }])) print(line);
      if (plan.hasChanges) {
        print("Steps");
        plan.steps.forEach((step, index) => {
          print(`  ${index + 1}. ${step}`);
        });
        print("Risks");
        for (const risk of plan.risks) print(`  - ${risk}`);
      }
    }
    if (refusal !== undefined) throw refusal;
    if (!plan.hasChanges) {
      if (options.json) printJson({ recovery: name, status: "nothing_to_do", plan: { ...shown, duration } });
      else print("Nothing to do.");
      return exitCodes.done;
    }
    if (!options.execute) {
      if (options.json) printJson({ recovery: name, status: "planned", plan: { ...shown, duration } });
      else
        print(
          styled("bold", `Nothing was changed. To carry it out: ${command} --execute${configFlag(options)}`),
        );
      return exitCodes.planHasChanges;
    }
    const report = await executePlan(recovery, context, plan);
    const { verification } = report;
    const failure = verification.holds
      ? undefined
      : new RedisopsError(
          "VERIFICATION_FAILED",
          `${command} was carried out, and its verification does not hold`,
        );
    if (options.json) {
      const status = verification.holds ? "done" : "verification_failed";
      const plan = { ...shown, duration };
      printJson({ recovery: name, status, plan, ...report, ...(failure && { error: failure.toJSON() }) });
    } else {
      print(
        styled(
          "bold",
          `Done in ${report.seconds.toFixed(1)} s. Verification ${verification.holds ? "holds" : "does not hold"}:`,
        ),
      );
      for (const line of aligned(verification.facts)) print(line);
      print(`  journal: ${report.journal}`);
    }
    if (failure === undefined) return exitCodes.done;
    return options.json ? failure.exitCode : reportError(failure, false);
  } finally {
    interrupt.release();
  }
}

/** `redisops recover <name>`. */
export function recoverCommand(finish: (code: number) => void): CommandModule {
  return {
    command: "recover",
    describe: "Plan a recovery, and carry it out with --execute",
    builder: (yargs) => {
      for (const [name, { purpose }] of Object.entries(recoveryCommands)) {
        yargs.command<RecoverOptions>(
          name,
          purpose,
          (own) =>
            commonOptions(own)
              .option("execute", { type: "boolean", default: false, describe: "Carry the plan out" })
              .example(`$0 recover ${name}`, "show what would be done; changes nothing, exits 2")
              .example(`$0 recover ${name} --execute`, "do it, then verify it"),
          async (options) => finish(await run(name as RecoveryName, options)),
        );
      }
      return yargs.demandCommand(1, `Say what to recover: ${Object.keys(recoveryCommands).join(", ")}`);
    },
    handler: () => undefined,
  };
}
