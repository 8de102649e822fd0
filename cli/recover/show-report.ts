import { exitCodes } from "../../core/error-codes.ts";
import { RedisopsError } from "../../core/errors.ts";
import type { RunReport } from "../../recovery/engine.ts";
import { aligned, print, printJson, reportError, styled } from "../output.ts";

/** Prints what came out of a run; `shown` is what the JSON document has besides. Returns the exit code. */
export function showReport(
  report: RunReport,
  json: boolean,
  command: string,
  shown: Readonly<Record<string, unknown>>,
): number {
  const { verification } = report;
  const failure = verification.holds
    ? undefined
    : new RedisopsError(
        "VERIFICATION_FAILED",
        `${command} was carried out, and its verification does not hold`,
      );
  if (json) {
    const status = verification.holds ? "done" : "verification_failed";
    printJson({ ...shown, status, ...report, ...(failure && { error: failure.toJSON() }) });
  } else {
    const holds = verification.holds ? "holds" : "does not hold";
    print(styled("bold", `Done in ${report.seconds.toFixed(1)} s. Verification ${holds}:`));
    for (const line of aligned(verification.facts)) print(line);
    print(`  journal: ${report.journal}`);
  }
  if (failure === undefined) return exitCodes.done;
  return json ? failure.exitCode : reportError(failure, false);
}
