import type { DegradationMode } from "../../catalog/mode.ts";
import { recoveryRoles } from "../../catalog/recoveries.ts";
import type { AlertAnswer, PlanAnswer } from "./answer.ts";

/** What on-call does now, by what was found. `platform` is part of what a severe plan is confirmed with. */
export function nextStep(
  { id, remedy, nature }: DegradationMode,
  verdict: AlertAnswer["verdict"],
  plan: PlanAnswer | null,
  platform: string,
): string {
  if (nature === "heartbeat") return "Nothing: this alert always fires, and tells that alerting works.";
  if (verdict === "does not hold")
    return "Its condition does not hold any more. The alert resolves by itself; if it does not, look at the values again.";
  if (remedy.kind === "none") return remedy.instead;
  const first = remedy.first === undefined ? "" : `First: ${remedy.first} Then: `;
  switch (plan?.status) {
    case "planned": {
      const confirm = plan.severe === null ? "" : ` --confirm=${platform}/${recoveryRoles[plan.recovery]}`;
      return `${first}${remedy.command} --execute${confirm}`;
    }
    case "nothing_to_do":
      return `${remedy.command} would change nothing now: follow the page’s branches (redisops runbook show ${id}).`;
    case "refused":
    case "failed":
      return `${first}${plan.error?.next ?? ""} Then: ${remedy.command}`;
    default:
      return `${first}${remedy.command}`;
  }
}
