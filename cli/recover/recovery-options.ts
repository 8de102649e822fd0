import type { Argv, Options } from "yargs";
import type { RecoveryName } from "../../catalog/recoveries.ts";
import { RedisopsError } from "../../core/errors.ts";
import { type OptionSpec, recoveryCommands } from "../../recovery/options.ts";
import { type CommonOptions, commonOptions } from "../options.ts";

/** Options of every command that may act. */
export interface ActOptions extends CommonOptions {
  readonly maxRate?: number;
  readonly lock?: "postgres" | "file";
  readonly confirm?: string;
}

/** Options of `recover <name>`. */
export interface RecoverOptions extends ActOptions {
  readonly execute: boolean;
  readonly out?: string;
  readonly group?: string;
}

const specsOf = (name: RecoveryName): Readonly<Record<string, OptionSpec>> => recoveryCommands[name].options;

function flagOf({ type, describe, choices, default: standard }: OptionSpec): Options {
  return {
    type: type === "duration" ? "string" : type === "strings" ? "string" : type,
    array: type === "strings",
    describe,
    ...(type === "boolean" ? {} : { requiresArg: true }),
    ...(choices === undefined ? {} : { choices }),
    ...(standard === undefined ? {} : { default: standard }),
  };
}

/** A positive number of items per second. Throws USAGE for anything else. */
export function checkedRate(rate: number): number {
  if (Number.isFinite(rate) && rate > 0) return rate;
  throw new RedisopsError("USAGE", "--max-rate must be a number of items per second above 0");
}

/** The name of a group. Throws USAGE for what none could be. */
function checkedGroup(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name)) return name;
  throw new RedisopsError("USAGE", "--group must be up to 100 letters, digits, dots, dashes or underscores");
}

/** Declares the options of the commands that may act. */
export function actOptions<T>(yargs: Argv<T>): Argv<T & ActOptions> {
  return commonOptions(yargs)
    .option("max-rate", {
      type: "number",
      requiresArg: true,
      coerce: checkedRate,
      describe: "Items per second at most; recovery.max_rate when left out",
    })
    .option("lock", {
      choices: ["postgres", "file"] as const,
      requiresArg: true,
      describe: "Where the role’s lock is; a file is seen on this machine only",
    })
    .option("confirm", {
      type: "string",
      requiresArg: true,
      describe: "<platform>/<role>, for plans that ask for it",
    }) as Argv<T & ActOptions>;
}

/** Declares the options of a recovery’s command. */
export function recoverOptions<T>(yargs: Argv<T>, name: RecoveryName): Argv<T & RecoverOptions> {
  const flags = Object.entries(specsOf(name)).map(([option, spec]) => [option, flagOf(spec)]);
  return actOptions(yargs)
    .options(Object.fromEntries(flags))
    .option("execute", { type: "boolean", default: false, describe: "Carry the plan out" })
    .option("out", {
      type: "string",
      requiresArg: true,
      describe: "Save the plan in a file, for redisops recover apply",
    })
    .option("group", {
      type: "string",
      requiresArg: true,
      coerce: checkedGroup,
      describe:
        "Carry it out together with all processes that are given this name: one begins the run, the others help it",
    }) as unknown as Argv<T & RecoverOptions>;
}

/** A word as a shell takes it. */
const shellWord = (text: string) =>
  /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

/** The recovery's own options that were given, as they are to be repeated on the command line. */
export function givenFlags(name: RecoveryName, given: Readonly<Record<string, unknown>>): string {
  return Object.entries(specsOf(name))
    .flatMap(([option, spec]) => {
      const value = given[option];
      if (value === undefined || value === (spec.default ?? false)) return [];
      if (value === true) return [` --${option}`];
      return (Array.isArray(value) ? value : [value]).map(
        (each) => ` --${option}=${shellWord(String(each))}`,
      );
    })
    .join("");
}

/** What the engine needs of the options of a command that may act. */
export function runSettings({ maxRate, lock, confirm }: ActOptions) {
  return { maxRate, lock, confirm };
}
