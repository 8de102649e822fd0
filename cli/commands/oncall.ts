import type { CommandModule } from "yargs";
import { exitCodes } from "../../core/error-codes.ts";
import { type CommonOptions, commonOptions } from "../options.ts";

/** `redisops oncall`. */
export function oncallCommand(finish: (code: number) => void): CommandModule<object, CommonOptions> {
  return {
    command: "oncall",
    describe: "Answer an alert with the live diagnosis and the prepared plan",
    builder: (yargs) => commonOptions(yargs),
    handler: () => finish(exitCodes.failed),
  };
}
