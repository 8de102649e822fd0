import type { ChainableCommander } from "ioredis";
import { RedisopsError } from "../../core/errors.ts";
import { BitmapBuilder } from "../../core/filter/bitmap-builder.ts";
import { BitmapFilter, bitmapKeys, configuredLayout, layoutToMeta } from "../../core/filter/bitmap-filter.ts";
import { bytesPerShard } from "../../core/filter/bitmap-layout.ts";
import { singleServer } from "../../core/filter/open-filter.ts";
import { pushBitmap } from "../../core/filter/push-bitmap.ts";
import { redisError } from "../../core/redis/redis-error.ts";
import { type CopyIds, type ShadowFilter, type ShadowOptions, shadowLifetime } from "./shadow-filter.ts";

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
  async swap(): Promise<void> {
    const { connection, config, key } = this.#options;
    const client = singleServer(connection);
    const live = config.filter.key;
    const former = await this.#live.layout();
    const { shards, hashes, bitsPerShard } = this.#layout;
    const mergeable =
      former.shards === shards && former.hashes === hashes && former.bitsPerShard === bitsPerShard;
    const move = (transaction: ChainableCommander, shard: number) =>
      transaction
        .persist(bitmapKeys.shard(key, shard))
        .rename(bitmapKeys.shard(key, shard), bitmapKeys.shard(live, shard));
    const describe = (transaction: ChainableCommander) =>
      transaction.hset(bitmapKeys.meta(live), layoutToMeta(this.#layout));

    if (mergeable) {
      for (let shard = 0; shard < shards; shard += 1) {
        const [own, other] = [bitmapKeys.shard(key, shard), bitmapKeys.shard(live, shard)];
        await this.#commit(move(client.multi().bitop("OR", own, own, other), shard));
      }
      await this.#commit(describe(client.multi()));
      return;
    }
    const transaction = client.multi();
    for (let shard = 0; shard < shards; shard += 1) move(transaction, shard);
    for (let shard = shards; shard < former.shards; shard += 1)
      transaction.unlink(bitmapKeys.shard(live, shard));
    await this.#commit(describe(transaction));
  }

  async discard(): Promise<void> {
    const { connection, key } = this.#options;
    const keys = Array.from({ length: this.#layout.shards }, (_, shard) => bitmapKeys.shard(key, shard));
    await singleServer(connection).unlink(...keys);
  }

  async #commit(transaction: ChainableCommander): Promise<void> {
    const { target } = this.#options.connection;
    const replies = await transaction.exec().catch((error: unknown) => {
      throw redisError(error, target);
    });
    const failed = replies?.find(([error]) => error !== null)?.[0];
    if (failed) throw redisError(failed, target);
    if (replies === null) throw new RedisopsError("REDIS_ERROR", `${target} refused the swap`, { target });
  }
}
