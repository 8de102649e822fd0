import type { Redis } from "ioredis";
import { redisError } from "../../core/redis/redis-error.ts";
import { ShadowLost, type ShadowOptions, shadowLifetime, swapFailed, swappedKey } from "./shadow-filter.ts";

/** Whether the swap is over. */
export async function isRedisBloomSwapped(
  client: Redis,
  { connection, key }: ShadowOptions,
): Promise<boolean> {
  try {
    return (await client.exists(swappedKey(key))) === 1;
  } catch (error) {
    throw redisError(error, connection.target);
  }
}

/**
 * Puts the filter under the shadow's key in the live one's place, and says so for an attempt that goes on after this one
 * has died. A shadow that was lost, or came back small with an added id, is noticed here.
 */
export async function swapRedisBloom(client: Redis, options: ShadowOptions): Promise<void> {
  const { connection, config, key, run } = options;
  const { target } = connection;
  if (await isRedisBloomSwapped(client, options)) return;
  try {
    await client.watch(key);
    if ((await client.pttl(key)) < 0) throw new ShadowLost(target, key);
    await run.pace(0);
  } catch (error) {
    throw redisError(error, target);
  }
  const replies = await client
    .multi()
    .persist(key)
    .rename(key, config.filter.key)
    .set(swappedKey(key), 1, "EX", shadowLifetime)
    .exec()
    .catch((error: unknown) => {
      throw swapFailed(error, target);
    });
  const failed = replies?.find(([error]) => error !== null)?.[0];
  if (failed) throw redisError(failed, target);
  if (replies === null) throw new ShadowLost(target, key);
}
