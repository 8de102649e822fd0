import type { Redis } from "ioredis";
import { toRedisopsError } from "../../core/errors.ts";
import { InsertBatch } from "../../core/filter/insert-batch.ts";
import { singleServer } from "../../core/filter/open-filter.ts";
import { RedisBloomFilter } from "../../core/filter/redisbloom-filter.ts";
import { type BulkWriter, openBulkWriter } from "../../core/redis/bulk/bulk-writer.ts";
import { redisError } from "../../core/redis/redis-error.ts";
import type { Chunk } from "../recovery.ts";
import { timeouts } from "./bloom-config.ts";
import { isRedisBloomSwapped, swapRedisBloom } from "./redisbloom-swap.ts";
import {
  type ReadPart,
  type ShadowFilter,
  ShadowLost,
  type ShadowOptions,
  shadowLifetime,
  swappedKey,
  tooManyIds,
} from "./shadow-filter.ts";

/** Ids between two questions whether the run may go on. */
const idsPerPace = 10_000;

/** Fills a RedisBloom filter under a shadow key, id by id. All processes of a run fill the same one. */
export class MaddShadow implements ShadowFilter {
  readonly method = "madd";
  readonly held = 0;
  readonly filter: RedisBloomFilter;
  readonly #options: ShadowOptions;
  readonly #client: Redis;
  readonly #free: InsertBatch[] = [];
  #writer: BulkWriter | undefined;
  #added = 0;
  #read = 0;

  constructor(options: ShadowOptions) {
    const { connection, config, key } = options;
    this.#options = options;
    this.#client = singleServer(connection);
    this.filter = new RedisBloomFilter(this.#client, connection.target, key, config.filter);
  }

  async prepare(): Promise<void> {
    if (!(await this.#exists())) await this.filter.reserve(shadowLifetime);
  }

  async take(chunk: Chunk, read: ReadPart): Promise<void> {
    const { config, connection, context, expectedIds, key, run } = this.#options;
    const { capacity } = config.filter;
    this.#writer ??= await openBulkWriter("dedup", config, timeouts);
    const writer = this.#writer;
    const before = this.#read;
    let batch = this.#free.pop() ?? new InsertBatch(key);
    let paced = 0;
    const send = () => {
      const sent = batch;
      writer.sendEncoded(key, sent.command(), () => {
        sent.clear();
        this.#free.push(sent);
      });
      batch = this.#free.pop() ?? new InsertBatch(key);
    };
    try {
      const ids = await read({
        onId: (bytes, start, end) => {
          batch.add(bytes, start, end);
          if (batch.isFull) send();
        },
        onRead: async (done) => {
          const all = before + done;
          context.onProgress({ phase: "add", done: all, total: Math.max(all, expectedIds), unit: "ids" });
          if (done - paced >= idsPerPace) {
            const items = done - paced;
            paced = done;
            await run.pace(items);
          }
          await writer.room();
        },
      });
      if (batch.ids > 0) send();
      else this.#free.push(batch);
      this.#added += (await writer.flush()).sum;
      this.#read = before + ids;
    } catch (error) {
      writer.close();
      this.#writer = undefined;
      throw this.#lostOr(error);
    }
    if (this.#added > capacity) throw tooManyIds(capacity, connection.target);
    await this.renew();
    await chunk.done();
  }

  /** What was added is there already. */
  async settle(): Promise<boolean> {
    return false;
  }

  async holds(finished: number): Promise<boolean> {
    return finished === 0 || this.isWhole();
  }

  async complete(): Promise<void> {
    const { connection, key } = this.#options;
    this.close();
    if (!(await this.isWhole())) throw new ShadowLost(connection.target, key, "while it was filled");
    await this.renew();
  }

  async forgetParts(): Promise<void> {
    // The filter itself is all there is.
  }

  /** One that was lost and came back with an added id has no time to live. */
  async isWhole(): Promise<boolean> {
    return (await this.#ask(() => this.#client.pttl(this.#options.key))) >= 0;
  }

  async renew(): Promise<void> {
    await this.#ask(() => this.#client.expire(this.#options.key, shadowLifetime));
  }

  isInPlace(): Promise<boolean> {
    return isRedisBloomSwapped(this.#client, this.#options);
  }

  swap(): Promise<void> {
    return swapRedisBloom(this.#client, this.#options);
  }

  async discard(): Promise<void> {
    const { key } = this.#options;
    await this.#ask(() => this.#client.unlink(key, swappedKey(key)));
  }

  close(): void {
    this.#writer?.close();
    this.#writer = undefined;
  }

  async #exists(): Promise<boolean> {
    return (await this.#ask(() => this.#client.exists(this.#options.key))) === 1;
  }

  #lostOr(error: unknown): unknown {
    const { code, message } = toRedisopsError(error);
    const { connection, key } = this.#options;
    return code === "REDIS_ERROR" && /not found/i.test(message)
      ? new ShadowLost(connection.target, key, "while it was filled")
      : error;
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      throw redisError(error, this.#options.connection.target);
    }
  }
}
