import type { CommandModule } from "yargs";
import { exitCodes } from "../../core/error-codes.ts";
import { type CommonOptions, commonOptions } from "../options.ts";

/** `redisops capacity`. */
export function capacityCommand(finish: (code: number) => void): CommandModule<object, CommonOptions> {
  return {
    command: "capacity",
    describe: "Say what each failure would do at your rates, by formula and by simulation",
    builder: (yargs) => commonOptions(yargs),
    handler: () => finish(exitCodes.failed),
  };
}
