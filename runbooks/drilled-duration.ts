import type { RecoveryName } from "../catalog/recoveries.ts";
import { formatDuration } from "../core/duration.ts";
import { readVerified, type VerifiedPages } from "./verified.ts";

/**
 * What a plan says of its duration where the recovery has never run on the machine: how long its command took in a
 * recorded drill. Undefined where none is recorded.
 */
export function drilledDuration(
  recovery: RecoveryName,
  pages: VerifiedPages = readVerified(),
): string | undefined {
  for (const [mode, record] of Object.entries(pages)) {
    const ran = record?.seconds?.command;
    if (ran === undefined || ran === null || ran.line.split(" ")[2] !== recovery) continue;
    return `${formatDuration(ran.seconds * 1000)} in the drill of ${mode} on the lab, which is small`;
  }
  return undefined;
}
