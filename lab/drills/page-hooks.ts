import type { DrillHooks } from "../../operations/drills/context.ts";
import { PageCommands, panelProblems, pastedProblems } from "./page-checks.ts";
import type { Stage } from "./stage.ts";

/** Holds the pages of a drill's modes and their panels against the lab while it is in their state. */
export function pageHooks(stage: Stage): DrillHooks {
  const pages = new Map<string, PageCommands>();
  return {
    async held({ modes }) {
      const own = new PageCommands(stage);
      const problems: string[] = [];
      for (const mode of modes) {
        pages.set(mode.id, own);
        problems.push(...(await own.check(mode, "decide")));
        if (mode.nature === "heartbeat") continue; // its absence is that of Prometheus
        problems.push(...(await panelProblems(stage, mode)), ...(await pastedProblems(stage, mode)));
      }
      return problems;
    },
    remedy: (mode, part) => (pages.get(mode.id) ?? new PageCommands(stage)).remedy(mode, part),
  };
}
