import type { DedupConfig } from "../../core/config/redis-section.ts";
import { RedisopsError, toRedisopsError } from "../../core/errors.ts";
import type { Filter } from "../../core/filter/filter.ts";
import type { OnId } from "../../core/postgres/copy-tuples.ts";
import type { RedisConnection } from "../../core/redis/connect.ts";
import { redisError } from "../../core/redis/redis-error.ts";
import type { RecoveryContext } from "../recovery.ts";

/** Life of a shadow key in seconds: long enough for any step, short enough that a killed run's leftovers go away. */
export const shadowLifetime = 3_600;

/** What building a filter beside the live one needs. */
export interface ShadowOptions {
  readonly connection: RedisConnection;
  readonly config: DedupConfig;
  /** Key, or common prefix of the keys, of the shadow. */
  readonly key: string;
  readonly context: RecoveryContext;
}

/** A filter that is built beside the live one and then takes its place. */
export interface ShadowFilter {
  /** Reads ids from a query and puts them into the shadow. Returns how many. */
  fill(copy: CopyIds, expectedIds: number): Promise<number>;
  /** The shadow as a filter, once it is filled. */
  readonly filter: Filter;
  /**
   * Puts the shadow in the live filter's place, in one step for every reader; with `merge`, together with what the
   * live filter has learned. Rejects, with the live filter as it was, where the shadow is no longer whole.
   */
  swap(merge: boolean): Promise<void>;
  /** Removes what is left of the shadow; does nothing after a swap. */
  discard(): Promise<void>;
}

/** The shadow is not what was built: it was evicted, expired or changed before it could be put in place. */
export function shadowLost(target: string, key: string): RedisopsError {
  return new RedisopsError("REDIS_ERROR", `${target} lost ${key} before it was put in place`, {
    target,
    next: "Look for evictions and FLUSHALL on the server, then run the command again.",
  });
}

/** What completes the live filter in any case. */
const again =
  "To complete the filter, run redisops recover bloom --execute again: adding an id twice changes nothing.";

/** A swap that failed. Where the server said so, nothing was changed; without an answer either filter may be live. */
export function swapFailed(error: unknown, target: string): RedisopsError {
  const failure = redisError(error, target);
  if (error instanceof Error && error.name === "ReplyError") return failure;
  const { code, message, next } = failure;
  return new RedisopsError(code, `It is not known whether the new filter is in place: ${message}`, {
    target,
    next: `${next} ${again}`,
    cause: error,
  });
}

/** An error after the swap: what failed, and that the filter was exchanged all the same. */
export function afterSwap(error: unknown): RedisopsError {
  const { code, message, target, next } = toRedisopsError(error);
  return new RedisopsError(code, `The new filter is in place, but: ${message}`, {
    target,
    next: `${next} ${again}`,
    cause: error,
  });
}

/** Streams ids to a callback; the bytes are valid during the call only. */
export type CopyIds = (handlers: {
  readonly onId: OnId;
  readonly onChunk: (ids: number) => void | Promise<void>;
}) => Promise<number>;
