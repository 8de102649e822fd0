import type { Redis } from "ioredis";
import { loadRedisBloom } from "../../core/filter/load-redisbloom.ts";
import { singleServer } from "../../core/filter/open-filter.ts";
import { RedisBloomBuilder, redisBloomPieces } from "../../core/filter/redisbloom-builder.ts";
import { RedisBloomFilter } from "../../core/filter/redisbloom-filter.ts";
import { redisBloomLayout } from "../../core/filter/redisbloom-layout.ts";
import { redisError } from "../../core/redis/redis-error.ts";
import type { Chunk } from "../recovery.ts";
import { LocalBuild } from "./local-build.ts";
import { isRedisBloomSwapped, swapRedisBloom } from "./redisbloom-swap.ts";
import { ShadowBits } from "./shadow-bits.ts";
import {
  type ReadPart,
  type ShadowFilter,
  ShadowLost,
  type ShadowOptions,
  shadowLifetime,
  swappedKey,
} from "./shadow-filter.ts";

/** Bytes that are read from the server at a time, where other processes have built parts of the filter. */
const readBytes = 4 * 2 ** 20;

/**
 * Builds a RedisBloom filter in memory and loads it into the server. Several processes put their bits together in
 * strings on the server; the one that completes the filter reads them back.
 */
export class LoadShadow implements ShadowFilter {
  readonly method = "load";
  readonly filter: RedisBloomFilter;
  readonly #options: ShadowOptions;
  readonly #client: Redis;
  readonly #layout;
  readonly #bits: ShadowBits;
  #builder: RedisBloomBuilder | undefined;
  #build: LocalBuild | undefined;
  #alone: readonly string[] | undefined;

  constructor(options: ShadowOptions) {
    const { connection, config, key } = options;
    const { capacity, error_rate } = config.filter;
    this.#options = options;
    this.#client = singleServer(connection);
    this.filter = new RedisBloomFilter(this.#client, connection.target, key, config.filter);
    this.#layout = redisBloomLayout({ capacity, errorRate: error_rate, scaling: true });
    const lengths = redisBloomPieces(this.#layout).map(({ start, end }) => end - start);
    this.#bits = new ShadowBits(this.#client, connection.target, key, lengths);
  }

  async prepare(): Promise<void> {
    // The first merge creates the strings.
  }

  get held(): number {
    return this.#build?.held ?? 0;
  }

  /** Says which parts there are: where this process reads all of them, its bits need not be put together elsewhere. */
  expectAll(parts: readonly string[]): void {
    this.#alone = parts;
  }

  take(chunk: Chunk, read: ReadPart): Promise<void> {
    this.#builder ??= new RedisBloomBuilder(this.#layout);
    this.#build ??= new LocalBuild(this.#options, this.#bits, this.#builder);
    return this.#build.take(chunk, read);
  }

  async settle(): Promise<boolean> {
    // The parts stay this process's until the filter is loaded.
    if (this.#hasAll(this.#alone)) return false;
    return (await this.#build?.settle()) ?? false;
  }

  async holds(finished: number, parts: readonly string[]): Promise<boolean> {
    if (finished === 0) return true;
    const merged = await this.#bits.parts();
    return parts.filter((part) => merged.has(part)).length >= finished && (await this.#bits.areWhole());
  }

  async complete(parts: readonly string[]): Promise<void> {
    const { connection, context, key, run } = this.#options;
    const isAlone = this.#hasAll(parts);
    if (!isAlone) await this.#readBack(parts);
    const builder = this.#builder;
    if (builder === undefined) throw new ShadowLost(connection.target, key, "while it was filled");
    await this.#ask(() => this.#client.unlink(key));
    await loadRedisBloom(this.#client, {
      key,
      layout: this.#layout,
      // Of bits that several processes have put together only their number says how many ids they hold.
      ids: isAlone ? builder.distinct : builder.estimatedIds(),
      bits: builder.bits,
      expireSeconds: shadowLifetime,
      beforeChunk: () => run.pace(0),
      onProgress: (done) =>
        context.onProgress({ phase: "load", done, total: builder.bits.length, unit: "bytes" }),
    }).catch((error: unknown) => {
      throw redisError(error, connection.target);
    });
    await this.#build?.finish();
    this.#build = undefined;
    this.#builder = undefined;
  }

  forgetParts(): Promise<void> {
    return this.#bits.discard();
  }

  async isWhole(): Promise<boolean> {
    return (await this.#ask(() => this.#client.pttl(this.#options.key))) >= 0;
  }

  async renew(): Promise<void> {
    await this.#bits.renew();
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
    await this.#bits.discard();
    await this.#ask(() => this.#client.unlink(key, swappedKey(key)));
  }

  close(): void {
    // Nothing is open.
  }

  #hasAll(parts: readonly string[] | undefined): boolean {
    const own = this.#build?.parts;
    return parts !== undefined && own !== undefined && parts.every((part) => own.has(part));
  }

  async #readBack(parts: readonly string[]): Promise<void> {
    const { connection, key } = this.#options;
    if (!(await this.holds(parts.length, parts))) {
      throw new ShadowLost(connection.target, key, "while it was filled");
    }
    this.#builder ??= new RedisBloomBuilder(this.#layout);
    const { shards } = this.#builder;
    await this.#bits.read((piece, at, bytes) => shards[piece]?.set(bytes, at), readBytes);
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      throw redisError(error, this.#options.connection.target);
    }
  }
}
