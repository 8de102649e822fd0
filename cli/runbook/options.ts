import { existsSync } from "node:fs";
import type { Argv } from "yargs";
import { defaultConfigPath } from "../../core/config/default-path.ts";
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

const ambientPath = () =>
  process.env.REDISOPS_CONFIG || (existsSync(defaultConfigPath) ? defaultConfigPath : undefined);

/**
 * The configuration: of `--config`, which must be there and valid, otherwise of REDISOPS_CONFIG, or of redisops.yaml
 * where there is one. One that nobody named in this call and that is broken is worth a warning: the pages can be read
 * without it.
 */
export async function optionalConfig(options: RunbookOptions): Promise<Config | undefined> {
  const path = options.config ?? ambientPath();
  if (path === undefined) return undefined;
  const { loadConfig } = await import("../../core/config/load.ts");
  if (options.config !== undefined) return loadConfig(path);
  try {
    return loadConfig(path);
  } catch (error) {
    note(`warning: ${messageOf(error)}`);
    note("  next: mend it for your platform’s own figures; the catalog’s are shown.");
    return undefined;
  }
}

/** The same for what outlasts this call: a configuration that is there must be valid. */
export function validConfig(options: RunbookOptions): Promise<Config | undefined> {
  return optionalConfig({ ...options, config: options.config ?? ambientPath() });
}
