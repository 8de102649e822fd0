import type { CommandModule } from "yargs";
import { exitCodes } from "../../core/error-codes.ts";
import { type CommonOptions, commonOptions } from "../options.ts";

/** `redisops drill`. */
export function drillCommand(finish: (code: number) => void): CommandModule<object, CommonOptions> {
  return {
    command: "drill",
    describe: "Rehearse a degradation mode: fault, containment, alert, recovery, steady state",
    builder: (yargs) => commonOptions(yargs),
    handler: () => finish(exitCodes.failed),
  };
}
