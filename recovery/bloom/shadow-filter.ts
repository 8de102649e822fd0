import type { DedupConfig } from "../../core/config/redis-section.ts";
import type { Filter } from "../../core/filter/filter.ts";
import type { OnId } from "../../core/postgres/copy-tuples.ts";
import type { RedisConnection } from "../../core/redis/connect.ts";
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
  /** Puts the shadow in the live filter's place, in one step for every reader. */
  swap(): Promise<void>;
  /** Removes what is left of the shadow; does nothing after a swap. */
  discard(): Promise<void>;
}

/** Streams ids to a callback; the bytes are valid during the call only. */
export type CopyIds = (handlers: {
  readonly onId: OnId;
  readonly onChunk: (ids: number) => void | Promise<void>;
}) => Promise<number>;
