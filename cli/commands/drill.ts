import type { Argv, CommandModule } from "yargs";

function targetOption<T>(yargs: Argv<T>) {
  return yargs
    .option("target", {
      type: "string",
      default: "lab",
      describe: "lab, which is started for it (in a checkout), or the redisops.yaml of a staging platform",
      requiresArg: true,
    })
    .option("json", { type: "boolean", default: false, describe: "Print one JSON document instead of text" });
}

function listBuilder(yargs: Argv) {
  return targetOption(yargs)
    .example("$0 drill list", "each mode with the faults that bring it about")
    .example("$0 drill list --target staging.yaml", "what can be rehearsed there, and why the rest cannot");
}

function runBuilder(yargs: Argv) {
  return targetOption(yargs)
    .positional("mode", { type: "string", describe: "A mode of redisops catalog, such as BloomCold" })
    .option("all", { type: "boolean", default: false, describe: "Every drill of the target" })
    .option("seed", {
      type: "number",
      describe: "The order of the drills follows from it; drawn and printed unless given",
      requiresArg: true,
    })
    .option("report", { type: "string", describe: "Write an HTML page about the run", requiresArg: true })
    .option("confirm", {
      type: "string",
      describe: "The staging platform’s name; nothing is done there without it",
      requiresArg: true,
    })
    .example("$0 drill run BloomCold", "on a lab that is started for it and ended afterwards")
    .example("$0 drill run --all --report drills.html", "all of them, with a page to look at")
    .example("$0 drill run --all --seed 7 --json", "in the same order as the last run with 7")
    .example("$0 drill run RedisHung --target staging.yaml --confirm staging", "on your staging platform");
}

/** `redisops drill`. */
export function drillCommand(finish: (code: number) => void): CommandModule {
  return {
    command: "drill",
    builder: (yargs) =>
      yargs
        .command("list", "List the drills", listBuilder, async (options) =>
          finish(await (await import("../drill/list.ts")).listDrills(options)),
        )
        .command("run [mode]", "Run a mode’s drill, or all", runBuilder, async (options) =>
          finish(await (await import("../drill/run.ts")).runDrillCommand(options)),
        )
        .example("$0 drill run BloomCold", "on a lab that is started for it")
        .demandCommand(1, "Say what to do: list or run"),
    handler: () => undefined,
  };
}
