import type { DedupConfig } from "../../core/config/redis-section.ts";
import { RedisopsError, toRedisopsError } from "../../core/errors.ts";
import type { Filter } from "../../core/filter/filter.ts";
import type { RedisConnection } from "../../core/redis/connect.ts";
import { redisError } from "../../core/redis/redis-error.ts";
import type { Chunk, RecoveryContext, Run } from "../recovery.ts";
import type { IdHandlers } from "./id-source.ts";
import type { Method } from "./part.ts";

/** Life of a shadow key in seconds: long enough for any step, short enough that a killed run's leftovers go away. */
export const shadowLifetime = 3_600;

/** What building a filter beside the live one needs. */
export interface ShadowOptions {
  readonly connection: RedisConnection;
  readonly config: DedupConfig;
  /** Key, or common prefix of the keys, of the shadow. */
  readonly key: string;
  readonly context: RecoveryContext<"bloom">;
  readonly run: Run;
  /** Ids that the plan expects, for the progress. */
  readonly expectedIds: number;
}

/** Reads a part's ids. */
export type ReadPart = (handlers: IdHandlers) => Promise<number>;

/** A filter that is built beside the live one and then takes its place. */
export interface ShadowFilter {
  readonly method: Method;
  /** The shadow as a filter, once it is complete. */
  readonly filter: Filter;
  /** Makes ready what all processes of the run build on. Doing it again changes nothing. */
  prepare(): Promise<void>;
  /**
   * Reads the ids of a part. The chunk is finished now, or at the next {@link settle}: when the server has acknowledged
   * all of them.
   */
  take(chunk: Chunk, read: ReadPart): Promise<void>;
  /** Brings to the server what is only here, and finishes the chunks. Answers whether there was anything. */
  settle(): Promise<boolean>;
  /** Parts that were read and are finished when the filter is complete, not before. */
  readonly held: number;
  /** Whether what other processes or an earlier attempt say they have finished is there. */
  holds(finished: number, parts: readonly string[]): Promise<boolean>;
  /** Puts the filter together when all parts are in it. Rejects where some were lost. */
  complete(parts: readonly string[]): Promise<void>;
  /** Removes what only the building needed, once the run has written down that the filter is complete. */
  forgetParts(): Promise<void>;
  /** Whether a completed shadow is still as it was. */
  isWhole(): Promise<boolean>;
  /** Lets it live on; to be called now and then. */
  renew(): Promise<void>;
  /** Whether the swap is over; an earlier attempt may have died after it. */
  isInPlace(): Promise<boolean>;
  /**
   * Puts the shadow in the live filter's place, in one step for every reader; with `merge`, together with what the
   * live filter has learned. Rejects, with the live filter as it was, where the shadow is no longer whole.
   */
  swap(merge: boolean): Promise<void>;
  /** Removes what is left of the shadow, also what says that it was swapped in. */
  discard(): Promise<void>;
  /** Ends connections of its own. */
  close(): void;
}

/** The key that says how many pieces of a shadow are in the live filter's place. */
export const swappedKey = (key: string) => `${key}:swapped`;

/** The shadow is not what was built: it was evicted, expired or changed before it could be put in place. */
export class ShadowLost extends RedisopsError {
  constructor(target: string, key: string, when = "before it was put in place") {
    super("REDIS_ERROR", `${target} lost ${key} ${when}`, {
      target,
      next: "Look for evictions and FLUSHALL on the server, then run the command again.",
    });
  }
}

/** A swap that failed. Where the server said so, nothing was changed; without an answer either filter may be live. */
export function swapFailed(error: unknown, target: string): RedisopsError {
  const failure = redisError(error, target);
  if (error instanceof Error && error.name === "ReplyError") return failure;
  const { code, message, next } = failure;
  return new RedisopsError(code, `It is not known whether the new filter is in place: ${message}`, {
    target,
    next,
    cause: error,
  });
}

/** An error after the swap: what failed, and that the filter was exchanged all the same. */
export function afterSwap(error: unknown): RedisopsError {
  const { code, message, target, next } = toRedisopsError(error);
  return new RedisopsError(code, `The new filter is in place, but: ${message}`, {
    target,
    next,
    cause: error,
  });
}

/** The source holds more than the filter is sized for. */
export function tooManyIds(capacity: number, target: string): RedisopsError {
  return new RedisopsError(
    "FILTER_TOO_SMALL",
    `The source holds more than the ${capacity.toLocaleString("en-US")} ids that the filter is sized for`,
    { target },
  );
}
