import { seededRandom } from "../../core/seeded-random.ts";

/** The lane of what reaches several roles: it runs when no other drill does. */
export const alone = "alone";

/** Things in an order that follows from a seed: the same for the same seed. */
export function inSeededOrder<T>(things: readonly T[], seed: number): T[] {
  const random = seededRandom(seed);
  return things
    .map((thing) => ({ thing, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ thing }) => thing);
}

/** Runs all drills, each once; first the lanes beside one another, then those that run alone. */
export async function inLanes<D>(
  drills: readonly D[],
  laneOf: (drill: D) => string,
  run: (drill: D) => Promise<void>,
): Promise<void> {
  const lanes = Map.groupBy(drills, laneOf);
  const last = lanes.get(alone) ?? [];
  lanes.delete(alone);
  const follow = async (own: readonly D[]) => {
    for (const drill of own) await run(drill);
  };
  await Promise.all([...lanes.values()].map(follow));
  await follow(last);
}
