import type { Argv, CommandModule } from "yargs";
import type { RecoveryName } from "../../catalog/recoveries.ts";
import { recoveryCommands } from "../../recovery/options.ts";
import { commonOptions } from "../options.ts";
import { actOptions, checkedRate, recoverOptions } from "../recover/recovery-options.ts";

type Finish = (code: number) => void;

const runArgument = <T>(yargs: Argv<T>) =>
  yargs.positional("run", {
    type: "string",
    demandOption: true,
    describe: "Id of the run, as redisops recover list has it",
  });

/** A run as the examples name it. */
const exampleRun = "bloom-20261121T090000Z-4f2a9c";

function declareRecoveries(yargs: Argv, finish: Finish): void {
  for (const [name, { purpose }] of Object.entries(recoveryCommands) as [
    RecoveryName,
    { purpose: string },
  ][]) {
    yargs.command(
      name,
      purpose,
      (own) =>
        recoverOptions(own, name)
          .example(`$0 recover ${name}`, "show what would be done; changes nothing, exits 2")
          .example(`$0 recover ${name} --execute`, "do it, then verify it"),
      async (options) => {
        const { runRecovery } = await import("../recover/run-recovery.ts");
        finish(await runRecovery(name, options));
      },
    );
  }
  yargs.command(
    "all",
    "Plan, and with --execute carry out, what the platform’s status shows to be broken, in the safe order",
    (own) =>
      actOptions(own)
        .option("execute", { type: "boolean", default: false, describe: "Carry the plans out" })
        .example("$0 recover all", "show all plans; changes nothing, exits 2")
        .example("$0 recover all --execute", "do it, one after the other"),
    async (options) => {
      const { recoverAll } = await import("../recover/recover-all.ts");
      finish(await recoverAll(options));
    },
  );
}

function declareRuns(yargs: Argv, finish: Finish): void {
  yargs
    .command(
      "apply <file>",
      "Carry out a plan that was saved with --out; refused when what it rests on has changed",
      (own) =>
        actOptions(own)
          .positional("file", {
            type: "string",
            demandOption: true,
            describe: "File that --out wrote",
          })
          .example("$0 recover apply plan.json", "exits 3 when the platform is another one since"),
      async (options) => finish(await (await import("../recover/work-on-run.ts")).applyPlan(options)),
    )
    .command(
      "resume <run>",
      "Go on with a run that failed, was interrupted or killed",
      (own) =>
        runArgument(actOptions(own))
          .example(`$0 recover resume ${exampleRun}`, "from its last checkpoint")
          .example(`$0 recover resume ${exampleRun} --max-rate 5000`, "when it was too much for the server"),
      async (options) => finish(await (await import("../recover/work-on-run.ts")).resume(options)),
    )
    .command(
      "join <run>",
      "Help a run that is under way in another process or on another machine",
      (own) =>
        runArgument(commonOptions(own)).example(
          `$0 recover join ${exampleRun}`,
          "on each machine that is to share the work",
        ),
      async (options) => finish(await (await import("../recover/work-on-run.ts")).join(options)),
    )
    .command(
      "throttle <run>",
      "Hold a run that is under way to another rate",
      (own) =>
        runArgument(commonOptions(own))
          .option("max-rate", {
            type: "number",
            demandOption: true,
            requiresArg: true,
            coerce: checkedRate,
            describe: "Items per second at most",
          })
          .example(`$0 recover throttle ${exampleRun} --max-rate 5000`, "on every machine that takes part"),
      async (options) => finish(await (await import("../recover/show-runs.ts")).throttle(options)),
    )
    .command(
      "list",
      "List the latest runs and how they ended",
      (own) => commonOptions(own).example("$0 recover list", "the ids that the other commands take"),
      async (options) => finish(await (await import("../recover/show-runs.ts")).list(options)),
    )
    .command(
      "show <run>",
      "Show a run’s plan and journal",
      (own) =>
        runArgument(commonOptions(own)).example(`$0 recover show ${exampleRun}`, "step by step, with times"),
      async (options) => finish(await (await import("../recover/show-runs.ts")).show(options)),
    );
}

/** `redisops recover …`. */
export function recoverCommand(finish: Finish): CommandModule {
  return {
    command: "recover",
    builder: (yargs) => {
      declareRecoveries(yargs, finish);
      declareRuns(yargs, finish);
      return yargs
        .example("$0 recover bloom", "show what would be done; changes nothing, exits 2")
        .example("$0 recover bloom --execute", "do it, then verify it")
        .demandCommand(
          1,
          `Say what to recover: ${Object.keys(recoveryCommands).join(", ")}, all; or what to do with a run: apply, resume, join, throttle, list, show`,
        );
    },
    handler: () => undefined,
  };
}
