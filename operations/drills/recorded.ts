import type { DegradationMode } from "../../catalog/mode.ts";
import type { RecordedSeconds } from "../../runbooks/verified.ts";
import type { DrillResult } from "./drill-result.ts";

/** What the record of verified pages keeps of a mode’s drill: how long it took. */
export function recordedSeconds(result: DrillResult, { remedy }: DegradationMode): RecordedSeconds {
  const command = remedy.kind === "command" ? `${remedy.command} --execute` : undefined;
  const run = result.recoveries.find((each) => each.command === command && each.exitCode === 0);
  return {
    detect: result.seconds.detect,
    recover: result.seconds.recover,
    command:
      run === undefined ? null : { line: run.command, seconds: Math.round((run.to - run.from) / 100) / 10 },
  };
}
