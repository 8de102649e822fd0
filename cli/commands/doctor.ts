import type { CommandModule } from "yargs";
import { exitCodes } from "../../core/error-codes.ts";
import { type CommonOptions, commonOptions } from "../options.ts";
import { note, printJson } from "../output.ts";

interface DoctorCommandOptions extends CommonOptions {
  readonly recoveries: boolean;
}

async function run(options: DoctorCommandOptions): Promise<number> {
  if (!options.json && process.stderr.isTTY) note("checking; a server that hangs takes some seconds");
  const { diagnose } = await import("../../operations/doctor/doctor.ts");
  const found = await diagnose(options);
  if (options.json) printJson(found);
  else {
    const { printDiagnosis } = await import("../doctor-table.ts");
    await printDiagnosis(found);
  }
  return found.healthy ? exitCodes.done : exitCodes.failed;
}

/** `redisops doctor`. */
export function doctorCommand(finish: (code: number) => void): CommandModule<object, DoctorCommandOptions> {
  return {
    command: "doctor",
    builder: (yargs) =>
      commonOptions(yargs)
        .option("recoveries", {
          type: "boolean",
          default: false,
          describe: "Also check the rights that recoveries need",
        })
        .example("$0 doctor", "what is not as it should be, and what to type; exits 1 when a check failed")
        .example("$0 doctor --recoveries --config recover.yaml", "for the users that carry out recoveries"),
    handler: async (options) => finish(await run(options)),
  };
}
