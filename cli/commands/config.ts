import type { CommandModule } from "yargs";
import { exitCodes } from "../../core/error-codes.ts";
import { type CommonOptions, commonOptions } from "../options.ts";
import { print, printJson } from "../output.ts";

async function check(options: CommonOptions): Promise<number> {
  const { loadConfig } = await import("../../core/config/load.ts");
  const { requireSecrets } = await import("../../core/config/effective.ts");
  requireSecrets(loadConfig(options.config), options.config);
  if (options.json) printJson({ valid: true });
  else print(`${options.config} is valid, and all its secrets can be read.`);
  return exitCodes.done;
}

async function show(options: CommonOptions): Promise<number> {
  const { loadConfig } = await import("../../core/config/load.ts");
  const config = loadConfig(options.config);
  if (options.json) printJson(config);
  else {
    const { stringify } = await import("yaml");
    print(stringify(JSON.parse(JSON.stringify(config))).trimEnd());
  }
  return exitCodes.done;
}

/** `redisops config check|show`. */
export function configCommand(finish: (code: number) => void): CommandModule {
  return {
    command: "config",
    builder: (yargs) =>
      yargs
        .command<CommonOptions>(
          "check",
          "Name every mistake with file, line and column, and try to read every secret",
          (own) =>
            commonOptions(own).example(
              "$0 config check --config staging.yaml",
              "before it is deployed; exits 64 when something is wrong",
            ),
          async (options) => finish(await check(options)),
        )
        .command<CommonOptions>(
          "show",
          "Print the effective configuration with defaults filled in and secrets masked",
          (own) =>
            commonOptions(own)
              .example("$0 config show", "what holds where redisops.yaml says nothing")
              .example("$0 config show --config staging.yaml --json", "for a script"),
          async (options) => finish(await show(options)),
        )
        .example("$0 config check", "before anything else, and after each change")
        .demandCommand(1, "Say what to do with the configuration: check or show"),
    handler: () => undefined,
  };
}
