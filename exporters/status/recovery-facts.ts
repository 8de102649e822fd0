import { type RecoveryName, recoveryRoles } from "../../catalog/recoveries.ts";
import type { Role } from "../../catalog/roles.ts";
import { formatDuration } from "../../core/duration.ts";
import type { Sample } from "../../core/samples.ts";
import type { Read } from "./read.ts";

function recoveryFact(read: Read, role: Role, recovery: RecoveryName, now: number): string[] {
  const labels = { role, recovery };
  const ago = (seconds: number | undefined) =>
    seconds === undefined ? "" : `${formatDuration(Math.max(0, now - seconds * 1000))} ago`;
  const facts: string[] = [];
  if (read("redisops_recovery_running", labels) === 1) {
    const share = read("redisops_recovery_done_ratio", labels);
    const far = share === undefined ? "" : `, ${Math.floor(share * 100)} % of its present phase`;
    const began = ago(read("redisops_recovery_last_start_timestamp_seconds", labels));
    const waits =
      read("redisops_recovery_paused", labels) === 1 ? ", waits for its target’s load to fall" : "";
    facts.push(`recover ${recovery} is under way, began ${began}${far}${waits}`);
  }
  if (read("redisops_recovery_last_run_failed", labels) === 1) {
    const ended = ago(read("redisops_recovery_last_end_timestamp_seconds", labels));
    facts.push(`recover ${recovery} failed, its last run ended ${ended}`);
  }
  return facts;
}

/** Recoveries of a role that are under way or whose last run failed, and its drills, one fact each. `now` is in ms. */
export function recoveryFacts(role: Role, read: Read, samples: readonly Sample[], now: number): string[] {
  const own = (Object.keys(recoveryRoles) as RecoveryName[]).filter((name) => recoveryRoles[name] === role);
  const drills = samples.filter(
    ({ metric, labels }) => metric === "redisops_drill_running" && labels.role === role,
  );
  return [
    ...own.flatMap((recovery) => recoveryFact(read, role, recovery, now)),
    ...drills.map(({ labels }) => `a drill of ${labels.mode} is under way`),
  ];
}
