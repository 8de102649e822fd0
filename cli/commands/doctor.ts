import type { CommandModule } from "yargs";
import { exitCodes } from "../../core/error-codes.ts";
import { type CommonOptions, commonOptions } from "../options.ts";

/** `redisops doctor`. */
export function doctorCommand(finish: (code: number) => void): CommandModule<object, CommonOptions> {
  return {
    command: "doctor",
    describe: "Check access, grants, versions, rules, routes and boards, each with the fix",
    builder: (yargs) => commonOptions(yargs),
    handler: () => finish(exitCodes.failed),
  };
}
