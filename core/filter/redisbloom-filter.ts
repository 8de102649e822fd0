import type { Redis } from "ioredis";
import type { FilterConfig } from "../config/redis-section.ts";
import { RedisopsError } from "../errors.ts";
import { filterError } from "./bitmap-filter.ts";
import type { Filter, FilterId, FilterState } from "./filter.ts";
import { expectedFalsePositiveRatio, expectedFillRatio, parseRedisBloomHeader } from "./redisbloom-header.ts";

/** Ids per BF.MEXISTS or BF.MADD: large enough to spare round trips, small enough not to hold up the server. */
const redisBloomBatch = 500;

/** A filter of the RedisBloom module (or of Redis 8, which has it built in). */
export class RedisBloomFilter implements Filter {
  readonly #client: Redis;
  readonly #target: string;
  readonly #key: string;
  readonly #config: FilterConfig;

  constructor(client: Redis, target: string, key: string, config: FilterConfig) {
    this.#client = client;
    this.#target = target;
    this.#key = key;
    this.#config = config;
  }

  async state(): Promise<FilterState> {
    if (!(await this.#exists())) {
      return {
        exists: false,
        sizeBytes: 0,
        capacity: this.#config.capacity,
        targetFalsePositiveRatio: this.#config.error_rate,
        fillRatio: 0,
        fillStandardError: 0,
        estimatedIds: 0,
        falsePositiveRatio: 0,
        createdMs: undefined,
      };
    }
    const dump = await this.#call(() => this.#client.callBuffer("BF.SCANDUMP", this.#key, 0));
    const header = Array.isArray(dump) ? dump[1] : undefined;
    if (!Buffer.isBuffer(header)) {
      throw new RedisopsError("REDIS_ERROR", `${this.#target}: BF.SCANDUMP gave no header`, {
        target: this.#target,
      });
    }
    const links = parseRedisBloomHeader(header);
    const sum = (pick: (link: (typeof links)[number]) => number) =>
      links.reduce((total, link) => total + pick(link), 0);
    const bits = sum((link) => link.bits);
    return {
      exists: true,
      sizeBytes: sum((link) => link.bytes),
      capacity: sum((link) => link.entries),
      targetFalsePositiveRatio: this.#config.error_rate,
      fillRatio: bits === 0 ? 0 : sum((link) => expectedFillRatio(link) * link.bits) / bits,
      fillStandardError: 0,
      estimatedIds: sum((link) => link.size),
      falsePositiveRatio: expectedFalsePositiveRatio(links),
      createdMs: undefined,
    };
  }

  async has(ids: readonly FilterId[]): Promise<boolean[]> {
    const replies = await this.#inBatches("BF.MEXISTS", ids);
    return replies.map((reply) => Number(reply) === 1);
  }

  async add(ids: readonly FilterId[]): Promise<void> {
    await this.#inBatches("BF.MADD", ids);
  }

  /** Creates the filter empty, with the configured capacity and false-positive ratio, and with a time to live. */
  async reserve(expireSeconds: number): Promise<void> {
    const { error_rate, capacity } = this.#config;
    const replies = await this.#call(() =>
      this.#client
        .multi()
        .call("BF.RESERVE", this.#key, error_rate, capacity)
        .expire(this.#key, expireSeconds)
        .exec(),
    );
    const failed = replies?.find(([error]) => error !== null)?.[0];
    if (failed) throw filterError(failed, this.#target);
  }

  async #exists(): Promise<boolean> {
    // BF.EXISTS rather than EXISTS: on a server without the module it answers with the error that says so.
    await this.#call(() => this.#client.call("BF.EXISTS", this.#key, "redisops"));
    return (await this.#call(() => this.#client.exists(this.#key))) === 1;
  }

  async #inBatches(command: string, ids: readonly FilterId[]): Promise<unknown[]> {
    const replies: unknown[] = [];
    for (let start = 0; start < ids.length; start += redisBloomBatch) {
      const batch = ids.slice(start, start + redisBloomBatch);
      const reply = await this.#call(() => this.#client.call(command, this.#key, ...batch));
      if (!Array.isArray(reply))
        throw new RedisopsError("REDIS_ERROR", `${this.#target}: ${command} gave no list`);
      const failed: unknown = reply.find((item) => item instanceof Error);
      if (failed !== undefined) throw filterError(failed, this.#target);
      replies.push(...reply);
    }
    return replies;
  }

  async #call<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw filterError(error, this.#target);
    }
  }
}
