import yargs from "yargs";
import { RedisopsError } from "../core/errors.ts";
import { startTracing } from "../core/tracing.ts";
import { version } from "../core/version.ts";
import { configCommand } from "./commands/config.ts";
import { exporterCommand } from "./commands/exporter.ts";
import { generateCommand } from "./commands/generate.ts";
import { recoverCommand } from "./commands/recover.ts";
import { statusCommand } from "./commands/status.ts";
import { reportError } from "./output.ts";

/** Runs the command line; resolves to the exit code. */
export async function main(words: readonly string[]): Promise<number> {
  let exitCode = 0;
  const finish = (code: number) => {
    exitCode = code;
  };
  const stopTracing = await startTracing();
  try {
    await yargs([...words])
      .scriptName("redisops")
      .usage("$0 <command>\n\nKeeps a platform alive while one of its Redis roles is failing.")
      .command(statusCommand(finish))
      .command(recoverCommand(finish))
      .command(exporterCommand(finish))
      .command(configCommand(finish))
      .command(generateCommand(finish))
      .demandCommand(1, "Name a command")
      .strict()
      .version(version)
      .alias("help", "h")
      .wrap(Math.min(110, process.stdout.columns ?? 110))
      .epilogue("Exit codes and error codes: docs/errors.md. Configuration: docs/configuration.md.")
      .exitProcess(false)
      .fail((message, error) => {
        throw error ?? new RedisopsError("USAGE", message);
      })
      .parseAsync();
    return exitCode;
  } catch (error) {
    return reportError(error, words.includes("--json"));
  } finally {
    await stopTracing();
  }
}
