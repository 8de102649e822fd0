import type { Redis } from "ioredis";
import { type RedisBloomLayout, redisBloomHeader } from "./redisbloom-layout.ts";

/** Bytes of a chunk: what the module's own dumps have. */
const chunkBytes = 16 * 2 ** 20;

/** What to load where. */
export interface LoadRedisBloom {
  /** Key that does not exist yet. */
  readonly key: string;
  readonly layout: RedisBloomLayout;
  /** Ids that the bits hold: the module adds a further filter when it has counted as many as this one is sized for. */
  readonly ids: number;
  readonly bits: Uint8Array;
  /** Time to live of the key in whole seconds. */
  readonly expireSeconds: number;
  /** Awaited before each chunk. */
  readonly beforeChunk: () => Promise<void>;
  /** Called after each acknowledged chunk with the bytes done so far. */
  readonly onProgress: (bytes: number) => void;
}

/**
 * Creates a RedisBloom filter from bits that were built here, by BF.LOADCHUNK: the header, which creates an empty filter,
 * then the bits. A chunk after the first on a key that was lost meanwhile is refused by the module. At the end the time
 * to live must still run.
 *
 * @throws what ioredis rejects with, or an Error where the key lost its time to live
 */
export async function loadRedisBloom(redis: Redis, options: LoadRedisBloom): Promise<void> {
  const { key, layout, ids, bits, expireSeconds, beforeChunk, onProgress } = options;
  await beforeChunk();
  const replies = await redis
    .multi()
    .call("BF.LOADCHUNK", key, 1, redisBloomHeader(layout, ids))
    .expire(key, expireSeconds)
    .exec();
  const failed = replies?.find(([error]) => error !== null)?.[0];
  if (failed) throw failed;
  for (let at = 0; at < bits.length; at += chunkBytes) {
    const end = Math.min(at + chunkBytes, bits.length);
    await beforeChunk();
    await redis.call("BF.LOADCHUNK", key, end + 1, Buffer.from(bits.buffer, bits.byteOffset + at, end - at));
    onProgress(end);
  }
  if ((await redis.pttl(key)) < 0) throw new Error(`${key} was lost while it was loaded`);
}
