import yargs, { type Argv } from "yargs";
import { RedisopsError } from "../core/errors.ts";
import { version } from "../core/version.ts";
import { commands } from "./commands.ts";

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

/**
 * The command line for these words: parsing it runs the command, which hands its exit code to `finish`. Commands that no
 * word names are known by name alone.
 */
export async function commandLine(words: readonly string[], finish: (code: number) => void): Promise<Argv> {
  const line = yargs([...words])
    .scriptName("redisops")
    // The rest of what redisops says is English, and so is what usageError() looks for.
    .detectLocale(false)
    .usage("$0 <command>\n\nKeeps a platform alive while one of its Redis roles is failing.");
  for (const [name, { describe, load }] of Object.entries(commands)) {
    const known = words.includes(name) ? await load(finish) : { handler: () => undefined };
    line.command({ command: name, ...known, describe });
  }
  const names = Object.keys(commands);
  return line
    .demandCommand(1, `Name a command: ${names.slice(0, -1).join(", ")} or ${names.at(-1)}`)
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
    .example("$0 status", "what is wrong now, and which command mends it")
    .example("$0 runbook show BloomCold", "what to do about a mode, step by step")
    .example("$0 recover bloom", "what a recovery would do; --execute does it")
    .wrap(Math.min(helpColumns, process.stdout.columns ?? helpColumns))
    .epilogue("Exit codes and error codes: docs/errors.md. Configuration: docs/configuration.md.")
    .exitProcess(false)
    .fail((message, error) => {
      // Parsing errors come with an error of the parser's own, validation errors without any.
      if (error !== undefined && error.name !== "YError") throw error;
      throw usageError(message);
    });
}
