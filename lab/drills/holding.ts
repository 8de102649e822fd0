import type { DegradationMode } from "../../catalog/mode.ts";
import type { Drill } from "../../operations/drills/drill.ts";
import { drillCondition } from "./condition.ts";
import { instantQuery } from "./promql.ts";
import { concerns } from "./schedule.ts";
import type { Stage } from "./stage.ts";

/** Those of a drill's modes whose condition holds now, for a role that the drill is about. */
export async function holding(
  { prometheus }: Pick<Stage, "prometheus">,
  drill: Drill,
): Promise<DegradationMode[]> {
  const found = await Promise.all(
    drill.modes.map(async (mode) => {
      const series = await instantQuery(prometheus, drillCondition(mode));
      return series.some(({ labels }) => concerns(drill, labels));
    }),
  );
  return drill.modes.filter((_, index) => found[index]);
}
