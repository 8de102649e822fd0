import { singleServer } from "../../core/filter/open-filter.ts";
import { RedisBloomFilter, redisBloomBatch } from "../../core/filter/redisbloom-filter.ts";
import { redisError } from "../../core/redis/redis-error.ts";
import {
  type CopyIds,
  idText,
  type ShadowFilter,
  type ShadowOptions,
  shadowLifetime,
} from "./shadow-filter.ts";

/** Batches sent and not yet answered; more would only queue on the server. */
const batchesInFlight = 8;

/** Fills a RedisBloom filter under a shadow key with BF.MADD. */
export class RedisBloomShadow implements ShadowFilter {
  readonly filter: RedisBloomFilter;
  readonly #options: ShadowOptions;

  constructor(options: ShadowOptions) {
    const { connection, config, key } = options;
    this.#options = options;
    this.filter = new RedisBloomFilter(singleServer(connection), connection.target, key, config.filter);
  }

  async fill(copy: CopyIds, expectedIds: number): Promise<number> {
    const { context } = this.#options;
    await this.filter.reserve(shadowLifetime);
    let batch: string[] = [];
    const inFlight: Promise<void>[] = [];
    const send = () => {
      const sent = this.filter.add(batch);
      sent.catch(() => undefined);
      inFlight.push(sent);
      batch = [];
    };
    const ids = await copy({
      onId: (bytes, start, end) => {
        batch.push(idText(bytes, start, end));
        if (batch.length === redisBloomBatch) send();
      },
      onChunk: async (done) => {
        context.onProgress({ phase: "add", done, total: Math.max(done, expectedIds), unit: "ids" });
        while (inFlight.length > batchesInFlight) await inFlight.shift();
      },
    });
    if (batch.length > 0) send();
    await Promise.all(inFlight);
    return ids;
  }

  async swap(): Promise<void> {
    const { connection, config, key } = this.#options;
    const replies = await singleServer(connection)
      .multi()
      .persist(key)
      .rename(key, config.filter.key)
      .exec()
      .catch((error: unknown) => {
        throw redisError(error, connection.target);
      });
    const failed = replies?.find(([error]) => error !== null)?.[0];
    if (failed) throw redisError(failed, connection.target);
  }

  async discard(): Promise<void> {
    await singleServer(this.#options.connection).unlink(this.#options.key);
  }
}
