import type { RecoveryName } from "../../catalog/recoveries.ts";
import { exitCodes } from "../../core/error-codes.ts";
import { RedisopsError } from "../../core/errors.ts";
import { ownOptions } from "../../recovery/own-options.ts";
import { print, printJson } from "../output.ts";
import { recoverSession } from "./recover-session.ts";
import { type RecoverOptions, runSettings } from "./recovery-options.ts";
import { showReport } from "./show-report.ts";

/** `redisops recover <name> --execute --group <group>`. Returns the exit code. */
export async function runTogether(
  name: RecoveryName,
  options: RecoverOptions,
  group: string,
): Promise<number> {
  if (!options.execute) {
    throw new RedisopsError("USAGE", "--group is for carrying a recovery out: give --execute as well");
  }
  const own = ownOptions(name, { ...options });
  const session = await recoverSession(options);
  try {
    const [{ loadRecovery }, { carryOutTogether }] = await Promise.all([
      import("../../recovery/recoveries.ts"),
      import("../../recovery/together.ts"),
    ]);
    const recovery = await loadRecovery(name);
    const outcome = await carryOutTogether(recovery, session.context(own), group, runSettings(options));
    const shown = { recovery: name, group };
    if (outcome.did === "carried out") {
      return showReport(outcome.report, options.json, `redisops recover ${name}`, shown);
    }
    if (outcome.did === "helped") {
      if (options.json) printJson({ ...shown, status: "helped", run: outcome.run });
      else print(`Run ${outcome.run} of the group has succeeded.`);
    } else if (options.json) printJson({ ...shown, status: "nothing_to_do" });
    else print("Nothing to do.");
    return exitCodes.done;
  } finally {
    session.release();
  }
}
