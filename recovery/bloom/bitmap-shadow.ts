import type { ChainableCommander, Redis } from "ioredis";
import { RedisopsError, toRedisopsError } from "../../core/errors.ts";
import { BitmapBuilder } from "../../core/filter/bitmap-builder.ts";
import {
  BitmapFilter,
  bitmapKeys,
  configuredLayout,
  createdField,
  layoutToMeta,
} from "../../core/filter/bitmap-filter.ts";
import { bytesPerShard } from "../../core/filter/bitmap-layout.ts";
import { singleServer } from "../../core/filter/open-filter.ts";
import { redisError } from "../../core/redis/redis-error.ts";
import type { Chunk } from "../recovery.ts";
import { LocalBuild } from "./local-build.ts";
import { ShadowBits } from "./shadow-bits.ts";
import {
  type ReadPart,
  type ShadowFilter,
  ShadowLost,
  type ShadowOptions,
  shadowLifetime,
  swapFailed,
  swappedKey,
} from "./shadow-filter.ts";

/** Builds a bitmap filter in memory, puts it together under shadow keys, and swaps it in shard by shard. */
export class BitmapShadow implements ShadowFilter {
  readonly method = "bitmap";
  readonly held = 0;
  readonly filter: BitmapFilter;
  readonly #options: ShadowOptions;
  readonly #client: Redis;
  readonly #layout;
  readonly #live: BitmapFilter;
  readonly #bits: ShadowBits;
  #build: LocalBuild | undefined;

  constructor(options: ShadowOptions) {
    const { connection, config, key } = options;
    this.#options = options;
    this.#client = singleServer(connection);
    this.#layout = configuredLayout(config.filter);
    this.filter = new BitmapFilter(this.#client, connection.target, key, this.#layout);
    this.#live = new BitmapFilter(this.#client, connection.target, config.filter.key, this.#layout);
    const lengths = Array.from({ length: this.#layout.shards }, () => bytesPerShard(this.#layout));
    this.#bits = new ShadowBits(this.#client, connection.target, key, lengths);
  }

  async prepare(): Promise<void> {
    // The first merge creates the shards.
  }

  take(chunk: Chunk, read: ReadPart): Promise<void> {
    this.#build ??= new LocalBuild(this.#options, this.#bits, new BitmapBuilder(this.#layout));
    return this.#build.take(chunk, read);
  }

  async settle(): Promise<boolean> {
    return (await this.#build?.settle()) ?? false;
  }

  async holds(finished: number, parts: readonly string[]): Promise<boolean> {
    if (finished === 0) return true;
    const merged = await this.#bits.parts();
    return parts.filter((part) => merged.has(part)).length >= finished && (await this.#bits.areWhole());
  }

  async complete(parts: readonly string[]): Promise<void> {
    // The memory is not needed any more.
    this.#build = undefined;
    const { connection, key } = this.#options;
    if (!(await this.holds(parts.length, parts))) {
      throw new ShadowLost(connection.target, bitmapKeys.shard(key, 0), "while it was filled");
    }
    await this.#bits.renew();
  }

  forgetParts(): Promise<void> {
    return this.#bits.forgetParts();
  }

  isWhole(): Promise<boolean> {
    return this.#bits.areWhole();
  }

  renew(): Promise<void> {
    return this.#bits.renew();
  }

  async isInPlace(): Promise<boolean> {
    return (await this.#swapped()) === this.#layout.shards;
  }

  /**
   * Filters of the same layout are merged and swapped shard by shard: an id lives in one shard only, so each swap is
   * whole for its ids, and the server is held up for one shard at a time. Otherwise all shards and the layout change
   * in one transaction, without a merge. Each transaction says how many shards are in place, for an attempt that goes on
   * after this one has died.
   */
  async swap(merge: boolean): Promise<void> {
    const { config, key } = this.#options;
    const live = config.filter.key;
    const done = await this.#swapped();
    const shards = Array.from({ length: this.#layout.shards }, (_, shard) => shard).slice(done);
    const move = (transaction: ChainableCommander, shard: number) =>
      transaction
        .persist(bitmapKeys.shard(key, shard))
        .rename(bitmapKeys.shard(key, shard), bitmapKeys.shard(live, shard));
    const describe = (transaction: ChainableCommander) =>
      transaction.hset(bitmapKeys.meta(live), layoutToMeta(this.#layout));
    const say = (transaction: ChainableCommander, inPlace: number) =>
      transaction.set(swappedKey(key), inPlace, "EX", shadowLifetime);

    // Where the first shards were merged, the live layout is the same: so can the others be.
    if (!merge && done === 0) {
      const former = await this.#live.layout();
      await this.#commit(shards, (transaction) => {
        for (const shard of shards) move(transaction, shard);
        for (let shard = shards.length; shard < former.shards; shard += 1) {
          transaction.unlink(bitmapKeys.shard(live, shard));
        }
        describe(transaction).hset(bitmapKeys.meta(live), createdField(Date.now()));
        say(transaction, this.#layout.shards);
      });
      return;
    }
    for (const [index, shard] of shards.entries()) {
      const [own, other] = [bitmapKeys.shard(key, shard), bitmapKeys.shard(live, shard)];
      // Each time all that are left: what was lost must show before the first of them is in place.
      await this.#commit(shards.slice(index), (transaction) => {
        move(transaction.bitop("OR", own, own, other), shard);
        if (shard === this.#layout.shards - 1) describe(transaction);
        say(transaction, shard + 1);
      }).catch((error: unknown) => {
        throw shard === 0 ? error : inPart(error, shard, this.#layout.shards);
      });
    }
  }

  async discard(): Promise<void> {
    await this.#bits.discard();
    const { connection, key } = this.#options;
    await this.#client.unlink(swappedKey(key)).catch((error: unknown) => {
      throw redisError(error, connection.target);
    });
  }

  close(): void {
    // Nothing is open.
  }

  /** How many shards an earlier attempt has put in place. */
  async #swapped(): Promise<number> {
    const { connection, key } = this.#options;
    const said = await this.#client.get(swappedKey(key)).catch((error: unknown) => {
      throw redisError(error, connection.target);
    });
    return Number(said ?? 0);
  }

  /** Runs a transaction if the named shards of the shadow are whole; nobody may change them or the live layout meanwhile. */
  async #commit(needed: readonly number[], build: (transaction: ChainableCommander) => void): Promise<void> {
    const { connection, config, key, run } = this.#options;
    const { target } = connection;
    const client = this.#client;
    const keys = needed.map((shard) => bitmapKeys.shard(key, shard));
    try {
      await client.watch(...keys, bitmapKeys.meta(config.filter.key));
      for (const own of keys) {
        // One that was lost and came back with an added id has no time to live.
        const whole = (await client.strlen(own)) === bytesPerShard(this.#layout);
        if (!whole || (await client.pttl(own)) < 0) throw new ShadowLost(target, own);
      }
      // Another run that has taken the role over since then would show as a change of the watched keys.
      await run.pace(0);
    } catch (error) {
      throw redisError(error, target);
    }
    const transaction = client.multi();
    build(transaction);
    const replies = await transaction.exec().catch((error: unknown) => {
      throw swapFailed(error, target);
    });
    const failed = replies?.find(([error]) => error !== null)?.[0];
    if (failed) throw redisError(failed, target);
    if (replies !== null) return;
    throw new RedisopsError(
      "REDIS_ERROR",
      `${target}: the shadow or the live filter’s layout changed at the moment of the swap; the live filter is as it was`,
      { target, next: "Run the command again." },
    );
  }
}

/** An error after some shards were merged and swapped; each of them is whole. */
function inPart(error: unknown, done: number, shards: number): RedisopsError {
  const { code, message, target } = toRedisopsError(error);
  return new RedisopsError(
    code,
    `${done} of ${shards} shards of the new filter are in place, merged with the live ones, but: ${message}`,
    { target, next: "Run the command again: adding an id twice changes nothing.", cause: error },
  );
}
