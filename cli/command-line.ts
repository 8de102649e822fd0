import yargs, { type Argv } from "yargs";
import { RedisopsError } from "../core/errors.ts";
import { version } from "../core/version.ts";
import { auditCommand } from "./commands/audit.ts";
import { capacityCommand } from "./commands/capacity.ts";
import { catalogCommand } from "./commands/catalog.ts";
import { configCommand } from "./commands/config.ts";
import { dashboardsCommand } from "./commands/dashboards.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { drillCommand } from "./commands/drill.ts";
import { exporterCommand } from "./commands/exporter.ts";
import { generateCommand } from "./commands/generate.ts";
import { initCommand } from "./commands/init.ts";
import { labCommand } from "./commands/lab.ts";
import { oncallCommand } from "./commands/oncall.ts";
import { recoverCommand } from "./commands/recover.ts";
import { runbookCommand } from "./commands/runbook.ts";
import { statusCommand } from "./commands/status.ts";

/** Columns of the help where stdout is no terminal, and at most elsewhere. */
const helpColumns = 110;

/** Options that the parser does not know, each as it was written: the parser names `--dry-run` as dryRun as well. */
function unknownOptions(names: readonly string[]): string {
  const camelCase = (name: string) => name.replace(/-+(\w)/g, (_, letter: string) => letter.toUpperCase());
  const written = names.filter((name) => !names.some((other) => other !== name && camelCase(other) === name));
  const options = written.map((name) => (name.length === 1 ? `-${name}` : `--${name}`));
  return `Unknown option${options.length === 1 ? "" : "s"}: ${options.join(", ")}`;
}

/** What the parser has to say about the words, as an error for the reader. */
function usageError(complaint: string): RedisopsError {
  const unknown = /^Unknown arguments?: (.*)$/s.exec(complaint)?.[1];
  const message =
    unknown !== undefined
      ? unknownOptions(unknown.split(", "))
      : complaint.startsWith("Did you mean")
        ? `Unknown command. ${complaint}`
        : complaint;
  return new RedisopsError("USAGE", message, {
    next: "redisops --help lists the commands; each of them has its own --help.",
  });
}

/** The whole command line: parsing it runs the command, which hands its exit code to `finish`. */
export function commandLine(words: readonly string[], finish: (code: number) => void): Argv {
  return yargs([...words])
    .scriptName("redisops")
    .usage("$0 <command>\n\nKeeps a platform alive while one of its Redis roles is failing.")
    .command(statusCommand(finish))
    .command(runbookCommand(finish))
    .command(recoverCommand(finish))
    .command(auditCommand(finish))
    .command(oncallCommand(finish))
    .command(drillCommand(finish))
    .command(capacityCommand(finish))
    .command(initCommand(finish))
    .command(doctorCommand(finish))
    .command(exporterCommand(finish))
    .command(configCommand(finish))
    .command(dashboardsCommand(finish))
    .command(generateCommand(finish))
    .command(catalogCommand(finish))
    .command(labCommand(finish))
    .demandCommand(
      1,
      "Name a command: status, runbook, recover, audit, oncall, drill, capacity, init, doctor, exporter, config, dashboards, generate, catalog or lab",
    )
    .recommendCommands()
    .strictCommands()
    .strict()
    .parserConfiguration({
      "boolean-negation": false,
      "duplicate-arguments-array": false,
      "dot-notation": false,
    })
    .version(version)
    .alias("help", "h")
    .wrap(Math.min(helpColumns, process.stdout.columns ?? helpColumns))
    .epilogue("Exit codes and error codes: docs/errors.md. Configuration: docs/configuration.md.")
    .exitProcess(false)
    .fail((message, error) => {
      // Parsing errors come with an error of the parser's own, validation errors without any.
      if (error !== undefined && error.name !== "YError") throw error;
      throw usageError(message);
    });
}
