import { existsSync } from "node:fs";
import type { Argv } from "yargs";
import { defaultConfigPath } from "../../core/config/load.ts";
import type { Config } from "../../core/config/schema.ts";
import { messageOf } from "../../core/errors.ts";
import { note } from "../output.ts";

/** Options of the commands that work without a configuration, and tell more with one. */
export interface RunbookOptions {
  readonly config: string | undefined;
  readonly json: boolean;
}

/** Declares them. */
export function runbookOptions<T>(yargs: Argv<T>) {
  return yargs
    .option("config", {
      type: "string",
      describe: `Configuration file; $REDISOPS_CONFIG or ${defaultConfigPath} where there is one`,
      requiresArg: true,
    })
    .option("json", { type: "boolean", default: false, describe: "Print one JSON document instead of text" });
}

/**
 * The configuration: of `--config` or REDISOPS_CONFIG, which must be there and valid, otherwise of redisops.yaml where
 * there is one. One that only lies there and is broken is worth a warning: the pages can be read without it.
 */
export async function optionalConfig(options: RunbookOptions): Promise<Config | undefined> {
  const named = options.config ?? (process.env.REDISOPS_CONFIG || undefined);
  if (named === undefined && !existsSync(defaultConfigPath)) return undefined;
  const { loadConfig } = await import("../../core/config/load.ts");
  if (named !== undefined) return loadConfig(named);
  try {
    return loadConfig(defaultConfigPath);
  } catch (error) {
    note(`warning: ${messageOf(error)}`);
    note("  next: mend it for your platform’s own figures; the catalog’s are shown.");
    return undefined;
  }
}
