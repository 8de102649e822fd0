import type { Redis } from "ioredis";
import { messageOf, toRedisopsError } from "../../core/errors.ts";
import { loadRedisBloom } from "../../core/filter/load-redisbloom.ts";
import { singleServer } from "../../core/filter/open-filter.ts";
import { MAX_BUILDER_BITS, RedisBloomBuilder } from "../../core/filter/redisbloom-builder.ts";
import { redisBloomHeader, redisBloomLayout } from "../../core/filter/redisbloom-layout.ts";
import { redisError, redisErrorClass } from "../../core/redis/redis-error.ts";
import { replicasOf, requireOnReplicas } from "./replica-probe.ts";
import type { ShadowOptions } from "./shadow-filter.ts";

/** The filter by which a server proves that it takes what is built here. */
const small = { capacity: 100, errorRate: 0.01, scaling: true };
const ids = Array.from({ length: 20 }, (_, n) => `redisops:proof:${n}`);
/** Its life in seconds. */
const proofLifetime = 60;

/** The parts of a small filter that BF.SCANDUMP hands out. */
async function dump(client: Redis, key: string): Promise<readonly Buffer[]> {
  const parts: Buffer[] = [];
  for (let at: unknown = 0; parts.length < 4; ) {
    const reply = await client.callBuffer("BF.SCANDUMP", key, String(at));
    if (!Array.isArray(reply) || Number(reply[0]) === 0 || !Buffer.isBuffer(reply[1])) break;
    parts.push(reply[1]);
    at = reply[0];
  }
  return parts;
}

/** How a server refuses these commands, and not writes as such. */
const ownRefusals = new Set<ReturnType<typeof redisErrorClass>>(["other", "auth"]);

/**
 * Why a filter that is built here must not be loaded into this server; undefined where it proves to take it: a small one
 * that the module makes is the same to the byte as one that is built here, and one that is loaded is found whole on every
 * replica. Older modules did not replicate the header, and valkey-bloom has no such command.
 */
export async function whyNotLoad(options: ShadowOptions): Promise<string | undefined> {
  const { connection, config, context } = options;
  const { capacity, error_rate } = config.filter;
  const wanted = redisBloomLayout({ capacity, errorRate: error_rate, scaling: true });
  if (wanted.bits > MAX_BUILDER_BITS) return "the filter is too large to be built here";
  const client = singleServer(connection);
  const key = `${options.key}:proof`;
  try {
    const layout = redisBloomLayout(small);
    const builder = new RedisBloomBuilder(layout);
    for (const id of ids) {
      const bytes = Buffer.from(id);
      builder.addRange(bytes, 0, bytes.length);
    }
    const made = await client
      .multi()
      .call("BF.RESERVE", key, small.errorRate, small.capacity)
      .expire(key, proofLifetime)
      .call("BF.MADD", key, ...ids)
      .exec();
    const failed = made?.find(([error]) => error !== null)?.[0];
    if (failed) throw failed;
    const parts = Buffer.concat(await dump(client, key));
    const own = Buffer.concat([redisBloomHeader(layout, builder.distinct), builder.bits]);
    if (!parts.equals(own)) return "its module lays filters out in another way";
    await client.unlink(key);
    await loadRedisBloom(client, {
      key,
      layout,
      ids: builder.distinct,
      bits: builder.bits,
      expireSeconds: proofLifetime,
      beforeChunk: async () => undefined,
      onProgress: () => undefined,
    });
    const { signal, onWarning } = context;
    const looked = await requireOnReplicas({ connection, config, key, ids, signal, onWarning });
    return looked < (await replicasOf(connection)).length
      ? "not every replica could be looked at"
      : undefined;
  } catch (error) {
    context.signal.throwIfAborted();
    // A server that takes no writes at all takes no other method either.
    const refuses =
      error instanceof Error && error.name === "ReplyError" && ownRefusals.has(redisErrorClass(error));
    if (refuses || toRedisopsError(error).code === "FILTER_REPLICA_BEHIND") return messageOf(error);
    throw redisError(error, connection.target);
  } finally {
    await client.unlink(key).catch(() => undefined);
  }
}
