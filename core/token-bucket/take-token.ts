import type { Cluster, Redis } from "ioredis";
import { RedisScript } from "../redis/script.ts";
import type { Account } from "./buckets.ts";

/*
 * Same hash as in buckets.ts. A bucket whose time lies ahead (another server's clock, before a failover) does not
 * refill until the clock catches up; a refused take sets it to the present as well, so that it refills from now on.
 */
const script = new RedisScript(`
local capacity, rate, reserve = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local state = redis.call('HMGET', KEYS[1], 'tokens', 'updated_ms')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local tokens, updated = capacity, now
if state[1] and state[2] then
  updated = tonumber(state[2])
  tokens = math.min(capacity, tonumber(state[1]) + math.max(0, now - updated) / 1000 * rate)
end
local lacking = reserve + 1 - tokens
if lacking <= 0 then
  tokens = tokens - 1
elseif updated <= now then
  return math.ceil(lacking / rate * 1000)
end
redis.call('HSET', KEYS[1], 'tokens', tokens, 'updated_ms', now)
return lacking <= 0 and 0 or math.ceil(lacking / rate * 1000)`);

/** The bucket's shape and how many tokens this taker must leave in it. */
export interface TakeOptions extends Pick<Account, "capacity" | "refillPerSecond"> {
  /** Tokens that must be left after taking one, from 0 to `capacity - 1`. */
  readonly reserve: number;
}

/**
 * Takes one token in one round trip, in the server's time. Answers 0 when it was taken, else the milliseconds until
 * there will be enough if nobody else takes any. Rejects with what ioredis rejects with.
 */
export async function takeToken(
  client: Redis | Cluster,
  key: string,
  { capacity, refillPerSecond, reserve }: TakeOptions,
): Promise<number> {
  return Number(await script.run(client, [key], [capacity, refillPerSecond, reserve]));
}
