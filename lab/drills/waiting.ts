import type { DegradationMode } from "../../catalog/mode.ts";
import { waitUntil } from "../wait.ts";
import { drillCondition } from "./condition.ts";
import type { Drill } from "./drill.ts";
import { instantQuery } from "./promql.ts";
import { concerns } from "./schedule.ts";
import type { Stage } from "./stage.ts";

/** Longest time until a condition is there, or gone, in milliseconds. */
const deadlineMs = 150_000;
const intervalMs = 500;

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

/** Waits until all of a drill's modes hold at once, or none of them. Answers those for which that did not come about. */
export async function untilAll(
  stage: Pick<Stage, "prometheus">,
  drill: Drill,
  wanted: "holding" | "over",
): Promise<DegradationMode[]> {
  let missing: readonly DegradationMode[] = drill.modes;
  const settled = async () => {
    const now = await holding(stage, drill);
    missing = wanted === "over" ? now : drill.modes.filter((mode) => !now.includes(mode));
    return missing.length === 0;
  };
  await waitUntil(settled, { what: "conditions", deadlineMs, intervalMs }).catch(() => undefined);
  return [...missing];
}
