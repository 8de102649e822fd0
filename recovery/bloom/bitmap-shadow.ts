import type { ChainableCommander } from "ioredis";
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
import { pushBitmap } from "../../core/filter/push-bitmap.ts";
import { redisError } from "../../core/redis/redis-error.ts";
import {
  type CopyIds,
  type ShadowFilter,
  type ShadowOptions,
  shadowLifetime,
  shadowLost,
  swapFailed,
} from "./shadow-filter.ts";

/** Milliseconds between two commands while the ids are read: servers and firewalls close connections that are idle. */
const keepAliveInterval = 5_000;

/** Builds a bitmap filter in this process's memory and pushes it under shadow keys. */
export class BitmapShadow implements ShadowFilter {
  readonly filter: BitmapFilter;
  readonly #options: ShadowOptions;
  readonly #layout;
  readonly #live: BitmapFilter;

  constructor(options: ShadowOptions) {
    const { connection, config, key } = options;
    this.#options = options;
    this.#layout = configuredLayout(config.filter);
    const client = singleServer(connection);
    this.filter = new BitmapFilter(client, connection.target, key, this.#layout);
    this.#live = new BitmapFilter(client, connection.target, config.filter.key, this.#layout);
  }

  async fill(copy: CopyIds, expectedIds: number): Promise<number> {
    const { connection, context, key } = this.#options;
    const client = singleServer(connection);
    const builder = new BitmapBuilder(this.#layout);
    // What it answers does not matter; a connection that is gone shows at the push.
    const keepAlive = setInterval(() => client.pttl(key).catch(() => undefined), keepAliveInterval);
    const ids = await copy({
      onId: (bytes, start, end) => builder.addRange(bytes, start, end),
      onChunk: (done) =>
        context.onProgress({ phase: "read", done, total: Math.max(done, expectedIds), unit: "ids" }),
    }).finally(() => clearInterval(keepAlive));
    const total = bytesPerShard(this.#layout) * this.#layout.shards;
    for (const [shard, bits] of builder.shards.entries()) {
      const before = shard * bits.length;
      await pushBitmap(client, {
        key: bitmapKeys.shard(key, shard),
        bits,
        expireSeconds: shadowLifetime,
        onProgress: (bytes) =>
          context.onProgress({ phase: "push", done: before + bytes, total, unit: "bytes" }),
        signal: context.signal,
      }).catch((error: unknown) => {
        context.signal.throwIfAborted();
        throw redisError(error, connection.target);
      });
    }
    return ids;
  }

  /**
   * Filters of the same layout are merged and swapped shard by shard: an id lives in one shard only, so each swap is
   * whole for its ids, and the server is held up for one shard at a time. Otherwise all shards and the layout change
   * in one transaction, without a merge.
   */
  async swap(merge: boolean): Promise<void> {
    const { config, key } = this.#options;
    const live = config.filter.key;
    const shards = Array.from({ length: this.#layout.shards }, (_, shard) => shard);
    const move = (transaction: ChainableCommander, shard: number) =>
      transaction
        .persist(bitmapKeys.shard(key, shard))
        .rename(bitmapKeys.shard(key, shard), bitmapKeys.shard(live, shard));
    const describe = (transaction: ChainableCommander) =>
      transaction.hset(bitmapKeys.meta(live), layoutToMeta(this.#layout));

    if (!merge) {
      const former = await this.#live.layout();
      await this.#commit(shards, (transaction) => {
        for (const shard of shards) move(transaction, shard);
        for (let shard = shards.length; shard < former.shards; shard += 1) {
          transaction.unlink(bitmapKeys.shard(live, shard));
        }
        describe(transaction).hset(bitmapKeys.meta(live), createdField(Date.now()));
      });
      return;
    }
    for (const shard of shards) {
      const [own, other] = [bitmapKeys.shard(key, shard), bitmapKeys.shard(live, shard)];
      // Each time all that are left: what was lost must show before the first of them is in place.
      await this.#commit(shards.slice(shard), (transaction) => {
        move(transaction.bitop("OR", own, own, other), shard);
        if (shard === shards.length - 1) describe(transaction);
      }).catch((error: unknown) => {
        throw shard === 0 ? error : inPart(error, shard, shards.length);
      });
    }
  }

  async discard(): Promise<void> {
    const { connection, key } = this.#options;
    const keys = Array.from({ length: this.#layout.shards }, (_, shard) => bitmapKeys.shard(key, shard));
    await singleServer(connection).unlink(...keys);
  }

  /** Runs a transaction if the named shards of the shadow are whole; nobody may change them or the live layout meanwhile. */
  async #commit(needed: readonly number[], build: (transaction: ChainableCommander) => void): Promise<void> {
    const { connection, config, key } = this.#options;
    const { target } = connection;
    const client = singleServer(connection);
    const keys = needed.map((shard) => bitmapKeys.shard(key, shard));
    try {
      await client.watch(...keys, bitmapKeys.meta(config.filter.key));
      for (const own of keys) {
        // One that was lost and came back with an added id has no time to live.
        const whole = (await client.strlen(own)) === bytesPerShard(this.#layout);
        if (!whole || (await client.pttl(own)) < 0) throw shadowLost(target, own);
      }
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
