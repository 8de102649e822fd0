import type { CommandModule } from "yargs";
import { exitCodes } from "../../core/error-codes.ts";
import { type CommonOptions, commonOptions } from "../options.ts";

/** `redisops init`. */
export function initCommand(finish: (code: number) => void): CommandModule<object, CommonOptions> {
  return {
    command: "init",
    describe: "Draft redisops.yaml from a live platform",
    builder: (yargs) => commonOptions(yargs),
    handler: () => finish(exitCodes.failed),
  };
}
