import { randomInt } from "node:crypto";
import { recoveryRoles } from "../../catalog/recoveries.ts";

/** Processes that are killed, over all recoveries, unless REDISOPS_CHAOS_KILLS says otherwise. */
const usualKills = 200;

/** What a run of the chaos tests is told. */
export interface ChaosPlan {
  readonly seed: number;
  /** Processes to kill in each recovery. */
  readonly killsEach: number;
}

/** Reads the environment; `scripts/test-chaos.ts` sets it, so that all files have the same seed and print it. */
export function chaosPlan(env: NodeJS.ProcessEnv = process.env): ChaosPlan {
  const kills = Number(env.REDISOPS_CHAOS_KILLS ?? usualKills);
  const seed = Number(env.REDISOPS_CHAOS_SEED ?? randomInt(2 ** 31));
  if (!Number.isInteger(kills) || kills < 1)
    throw new Error("REDISOPS_CHAOS_KILLS takes a whole number from 1 on");
  if (!Number.isInteger(seed)) throw new Error("REDISOPS_CHAOS_SEED takes a whole number");
  return { seed, killsEach: Math.ceil(kills / Object.keys(recoveryRoles).length) };
}
