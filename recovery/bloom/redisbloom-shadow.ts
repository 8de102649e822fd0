import { RedisopsError } from "../../core/errors.ts";
import { singleServer } from "../../core/filter/open-filter.ts";
import { RedisBloomFilter, redisBloomBatch } from "../../core/filter/redisbloom-filter.ts";
import { idText } from "../../core/postgres/copy-tuples.ts";
import { redisError } from "../../core/redis/redis-error.ts";
import {
  type CopyIds,
  type ShadowFilter,
  type ShadowOptions,
  shadowLifetime,
  shadowLost,
  swapFailed,
} from "./shadow-filter.ts";

/** Batches sent and not yet answered; more would only queue on the server. */
const batchesInFlight = 8;
/** The shadow's time to live is renewed each time that so many ids were read. */
const idsPerRenewal = 1_000_000;

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
    let renewal = idsPerRenewal;
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
        if (done < renewal) return;
        renewal = done + idsPerRenewal;
        await this.#renew();
      },
    });
    if (batch.length > 0) send();
    await Promise.all(inFlight);
    await this.#renew();
    return ids;
  }

  /** Lets the shadow live on. One that was lost meanwhile came back without a time to live at the next BF.MADD. */
  async #renew(): Promise<void> {
    const { connection, key } = this.#options;
    const client = singleServer(connection);
    try {
      if ((await client.pttl(key)) < 0) {
        throw new RedisopsError("REDIS_ERROR", `${connection.target} lost ${key} while it was filled`, {
          target: connection.target,
          next: "Look for evictions and FLUSHALL on the server, then run the command again.",
        });
      }
      await client.expire(key, shadowLifetime);
    } catch (error) {
      throw redisError(error, connection.target);
    }
  }

  /** RedisBloom has no merge. A shadow that was lost, or came back small with an added id, is noticed here. */
  async swap(): Promise<void> {
    const { connection, config, key } = this.#options;
    const { target } = connection;
    const client = singleServer(connection);
    try {
      await client.watch(key);
      if ((await client.pttl(key)) < 0) throw shadowLost(target, key);
    } catch (error) {
      throw redisError(error, target);
    }
    const replies = await client
      .multi()
      .persist(key)
      .rename(key, config.filter.key)
      .exec()
      .catch((error: unknown) => {
        throw swapFailed(error, target);
      });
    const failed = replies?.find(([error]) => error !== null)?.[0];
    if (failed) throw redisError(failed, target);
    if (replies === null) throw shadowLost(target, key);
  }

  async discard(): Promise<void> {
    await singleServer(this.#options.connection).unlink(this.#options.key);
  }
}
