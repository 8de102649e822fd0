import type { Cluster, Redis } from "ioredis";
import { RedisopsError } from "../errors.ts";
import { RedisScript } from "../redis/script.ts";
import { bitmapKeys, layoutFromMeta, layoutToMeta } from "./bitmap-filter.ts";
import { type BitmapLayout, positions } from "./bitmap-layout.ts";

/*
 * ARGV: hashes, shards, bits_per_shard of the positions; whether a filter that is not there may be created with them
 * ('1'), and its meta hash's capacity, error_rate and created_ms; then the bits. Answers 1 when all were set, 0 when not, or the
 * live layout (an empty list: there is none) when it is not the one of the positions.
 *
 * A string that is too short is lengthened to the whole shard at once: growing bit by bit would copy up to 64 MiB again
 * and again. One that is too long belongs to another layout, whose description is lost.
 */
const bitmapScript = new RedisScript(`
local live = redis.call('HMGET', KEYS[1], 'version', 'hashes', 'shards', 'bits_per_shard')
if live[1] then
  if live[1] ~= '1' or live[2] ~= ARGV[1] or live[3] ~= ARGV[2] or live[4] ~= ARGV[3] then
    return redis.call('HGETALL', KEYS[1])
  end
elseif ARGV[4] ~= '1' then
  return {}
end
local bits_per_shard = tonumber(ARGV[3])
local bytes = redis.call('STRLEN', KEYS[2])
if bytes > bits_per_shard / 8 then
  return redis.error_reply('WRONGTYPE a shard of the filter is longer than its layout says')
end
if bytes < bits_per_shard / 8 then redis.call('SETBIT', KEYS[2], bits_per_shard - 1, 0) end
if not live[1] then
  redis.call('HSET', KEYS[1], 'version', '1', 'capacity', ARGV[5], 'error_rate', ARGV[6],
    'hashes', ARGV[1], 'shards', ARGV[2], 'bits_per_shard', ARGV[3], 'created_ms', ARGV[7])
end
local command = {'BITFIELD', KEYS[2]}
for i = 8, #ARGV do
  local at = #command
  command[at + 1], command[at + 2], command[at + 3], command[at + 4] = 'SET', 'u1', ARGV[i], 1
end
for _, former in ipairs(redis.call(unpack(command))) do
  if former == 0 then return 0 end
end
return 1`);

/** Adds an id to a filter that was laid out with `layout`; answers whether it was known, or the layout that is live. */
async function tryBitmap(
  client: Redis | Cluster,
  key: string,
  id: string,
  layout: BitmapLayout,
  mayCreate: boolean,
): Promise<boolean | readonly unknown[]> {
  const { shard, bits } = positions(id, layout);
  const { capacity, error_rate, hashes, shards, bits_per_shard } = layoutToMeta(layout);
  const reply = await bitmapScript.run(
    client,
    [bitmapKeys.meta(key), bitmapKeys.shard(key, shard)],
    [hashes, shards, bits_per_shard, mayCreate ? 1 : 0, capacity, error_rate, Date.now(), ...bits],
  );
  return Array.isArray(reply) ? reply : reply === 1;
}

/** Looks ids up in the bitmap filter under a key and adds them, in whatever layout the filter has at that moment. */
export class BitmapCheckAndAdd {
  readonly #key: string;
  readonly #configured: BitmapLayout;
  #layout: BitmapLayout;

  /** `configured` is the layout of a filter that has to be created. */
  constructor(key: string, configured: BitmapLayout) {
    this.#key = key;
    this.#configured = configured;
    this.#layout = configured;
  }

  /**
   * Adds the id and answers whether the filter knew it, atomically and in one round trip; a second one when the
   * filter's layout is not the one it had before (a recovery put another one in its place, or it was lost). A filter
   * that is not there is created, with its meta hash.
   *
   * Rejects with what ioredis rejects with, with FILTER_WRONG_TYPE when the meta hash describes no filter, and with
   * REDIS_ERROR when the layout changed twice meanwhile.
   */
  async run(client: Redis | Cluster, id: string): Promise<boolean> {
    const first = await this.#try(client, id);
    if (typeof first === "boolean") return first;
    this.#layout = this.#liveLayout(first);
    const second = await this.#try(client, id);
    if (typeof second === "boolean") return second;
    throw new RedisopsError(
      "REDIS_ERROR",
      `${this.#key}: the filter’s layout changed twice during one look-up`,
    );
  }

  #try(client: Redis | Cluster, id: string): Promise<boolean | readonly unknown[]> {
    return tryBitmap(client, this.#key, id, this.#layout, this.#layout === this.#configured);
  }

  #liveLayout(reply: readonly unknown[]): BitmapLayout {
    if (reply.length === 0) return this.#configured;
    const fields = reply.map(String);
    const meta = Object.fromEntries(
      fields.flatMap((name, index) => (index % 2 === 0 ? [[name, fields[index + 1] ?? ""]] : [])),
    );
    const layout = layoutFromMeta(meta);
    if (layout !== undefined) return layout;
    throw new RedisopsError(
      "FILTER_WRONG_TYPE",
      `${bitmapKeys.meta(this.#key)} does not describe a bitmap filter`,
    );
  }
}

/**
 * Adds the id to a RedisBloom filter and answers whether the filter knew it. A filter that is not there is created with
 * the given capacity and false-positive ratio: BF.ADD would create one for 100 ids. Rejects with what ioredis rejects
 * with, and with an Error when a filter that may not grow is full.
 */
export async function redisBloomCheckAndAdd(
  client: Redis | Cluster,
  key: string,
  shape: { readonly capacity: number; readonly errorRate: number },
  id: string,
): Promise<boolean> {
  const reply = await client.call(
    "BF.INSERT",
    key,
    "CAPACITY",
    shape.capacity,
    "ERROR",
    shape.errorRate,
    "ITEMS",
    id,
  );
  const added: unknown = Array.isArray(reply) ? reply[0] : reply;
  if (added instanceof Error) throw added;
  return Number(added) === 0;
}
