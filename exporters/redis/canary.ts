import type { RedisRole } from "../../catalog/roles.ts";
import { RedisopsError } from "../../core/errors.ts";
import type { NodeConnection } from "../../core/redis/connect.ts";
import { slotHasMoved } from "../../core/redis/redis-error.ts";
import type { Scrape } from "../probe.ts";
import { canaryUntried } from "../role-availability.ts";
import { canaryKeys } from "./canary-keys.ts";
import { eachShard } from "./each-shard.ts";
import { RunState } from "./run-state.ts";

/** What became of a role's canaries. */
export interface CanaryOutcome {
  /** Share of the role's key space whose canary came out right, 0..1; undefined where none was tried. */
  readonly ratio: number | undefined;
  readonly failures: readonly RedisopsError[];
}

const right = new RunState<{ ratio: number }>(() => ({ ratio: 0 }));

/** The share of the key space whose canary has come out right so far in a run, 0..1. */
export const canaryRatioSoFar = (scrape: Scrape): number => right.of(scrape).ratio;

/** An error for a canary that came out wrong. `what` completes a sentence on the server. */
export function canaryWrong({ target }: NodeConnection, what: string): RedisopsError {
  return new RedisopsError("CANARY_WRONG", `${target} ${what}`, { target });
}

/**
 * Does on each shard what the role's applications do, on a key of redisops' own, see {@link canaryKeys}. `check` rejects
 * when it does not come out right.
 */
export async function tryCanaries(
  role: RedisRole,
  purpose: string,
  scrape: Scrape,
  check: (connection: NodeConnection, key: string) => Promise<void>,
): Promise<CanaryOutcome> {
  const connections = scrape.redis(role);
  const { answers, failures } = await eachShard(connections, scrape.left, async (connection, shard) => {
    const keys = canaryKeys(purpose, connections.config.topology, shard);
    for (const key of keys) {
      try {
        await check(connection, key);
        right.of(scrape).ratio += shard.keySpaceRatio;
        return;
      } catch (error) {
        // The slot is on its way to another shard, which says nothing against this one: another slot will do.
        if (!slotHasMoved(error) || key === keys.at(-1)) throw error;
      }
    }
  });
  const tried = answers.length > 0 || failures.some((failure) => !canaryUntried(failure));
  return {
    ratio: tried ? answers.reduce((sum, { shard }) => sum + shard.keySpaceRatio, 0) : undefined,
    failures,
  };
}
