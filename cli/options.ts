import type { Argv } from "yargs";
import { defaultConfigPath } from "../core/config/default-path.ts";

/** Options that every command that reads the configuration has. */
export interface CommonOptions {
  readonly config: string;
  readonly json: boolean;
}

/** The configuration of a command that names none. */
export const usualConfig = () => process.env.REDISOPS_CONFIG || defaultConfigPath;

/** The `--config` that a command needs which is to work on the same platform; empty where none is needed. */
export function configFlag({ config }: CommonOptions): string {
  return config === usualConfig() ? "" : ` --config ${config}`;
}

/** Declares them. */
export function commonOptions<T>(yargs: Argv<T>): Argv<T & CommonOptions> {
  return yargs
    .option("config", {
      type: "string",
      default: usualConfig(),
      defaultDescription: `$REDISOPS_CONFIG or ${defaultConfigPath}`,
      describe: "Configuration file",
      requiresArg: true,
    })
    .option("json", { type: "boolean", default: false, describe: "Print one JSON document instead of text" });
}
