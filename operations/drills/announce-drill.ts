import type { DegradationMode } from "../../catalog/mode.ts";
import { type Role, roles } from "../../catalog/roles.ts";
import type { Config } from "../../core/config/schema.ts";
import { announce } from "../../core/recovery-runs/announce.ts";
import { annotate } from "../../recovery/run/annotation.ts";
import { type Drill, drillName } from "./drill.ts";

/** How a drill that others could see has ended. */
export type DrillOutcome = "succeeded" | "failed" | "interrupted";

/** The role that a drill of a mode concerns: the mode’s own, or the one that the faults name. */
function roleOf({ role }: DegradationMode, { inject }: Drill): Role {
  if (role !== "any") return role;
  const named = /--role (\S+)/.exec(inject.join(" "))?.[1];
  return roles.find((each) => each === named) ?? "self";
}

/**
 * Lets others see that a drill runs: redisops_drill_running and the boards’ marks come from a row for each mode in the
 * table of runs, and Grafana has an annotation where it is configured. The function that is returned says how the drill
 * ended; a drill that dies without a word is no longer seen after the lease of its row. Neither rejects: what others
 * cannot see is told to `onProblem`, once.
 */
export async function announceDrill(
  config: Config,
  drill: Drill,
  onProblem: (problem: string) => void,
): Promise<(outcome: DrillOutcome) => Promise<void>> {
  let told = false;
  const tell = (problem: string) => {
    if (!told) onProblem(problem);
    told = true;
  };
  const ids = drill.modes.map(({ id }) => id);
  const rows = await Promise.all(
    drill.modes.map((mode) =>
      announce(config.postgres, { kind: "drill", name: mode.id, role: roleOf(mode, drill) }, tell),
    ),
  );
  const tags = ids.map((id) => `mode:${id}`);
  const text = `drill ${ids.join(", ")}: ${drillName(drill)}`;
  const mark = annotate(config, { kind: "drill", tags, text }, tell);
  return async (outcome) => {
    await Promise.all([mark(outcome), ...rows.map((row) => row.end(outcome))]);
  };
}
