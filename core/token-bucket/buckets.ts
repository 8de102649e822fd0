import type { ProvidersConfig } from "../config/providers-section.ts";
import { commandError, type RedisConnection } from "../redis/connect.ts";

/** A configured account and the shape of its bucket. */
export interface Account {
  readonly provider: string;
  readonly account: string;
  /** Tokens of a full bucket, at least 1: otherwise nothing could ever be taken. */
  readonly capacity: number;
  /** Tokens added per second. */
  readonly refillPerSecond: number;
}

/** What a bucket holds now, refill included. */
export interface BucketState {
  readonly exists: boolean;
  readonly tokens: number;
}

/** All accounts of the configuration, in its order. */
export function configuredAccounts(providers: ProvidersConfig): Account[] {
  return Object.entries(providers).flatMap(([provider, { accounts }]) =>
    Object.entries(accounts).map(([account, { limit_per_second, burst }]) => ({
      provider,
      account,
      capacity: capacityOf(limit_per_second, burst),
      refillPerSecond: limit_per_second,
    })),
  );
}

/** Tokens of an account's full bucket: the burst it grants, or one second's worth. */
export function capacityOf(limitPerSecond: number, burst?: number | undefined): number {
  return Math.max(1, burst ?? limitPerSecond);
}

/** Redis key of an account's bucket. */
export function bucketKey(
  pattern: string,
  { provider, account }: Pick<Account, "provider" | "account">,
): string {
  return pattern.replaceAll("{provider}", provider).replaceAll("{account}", account);
}

/*
 * A bucket is a hash: `tokens` as they were at `updated_ms` (Redis time). A missing bucket is a full one.
 * All scripts (see also take-token.ts) touch one key, so they run on any topology, and use the server's clock, so that
 * workers need not agree.
 */
const readScript = `
local state = redis.call('HMGET', KEYS[1], 'tokens', 'updated_ms')
if not state[1] or not state[2] then return {0, ARGV[1]} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local refilled = tonumber(state[1]) + math.max(0, now - tonumber(state[2])) / 1000 * tonumber(ARGV[2])
return {1, tostring(math.min(tonumber(ARGV[1]), refilled))}`;

const fillScript = `
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], 'tokens', ARGV[1], 'updated_ms', time[1] * 1000 + math.floor(time[2] / 1000))
return 1`;

/*
 * Gives tokens beyond those that the bucket gains by itself. What it owes is forgotten, and a time that lies ahead becomes
 * the present, so that it refills from now on. What is taken meanwhile is taken; a missing bucket stays a full one.
 */
const grantScript = `
local state = redis.call('HMGET', KEYS[1], 'tokens', 'updated_ms')
if not state[1] or not state[2] then return ARGV[1] end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local gained = math.max(0, now - tonumber(state[2])) / 1000 * tonumber(ARGV[2])
local tokens = math.min(tonumber(ARGV[1]), math.max(0, tonumber(state[1]) + gained) + tonumber(ARGV[3]))
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'updated_ms', now)
return tostring(tokens)`;

/** Reads an account's bucket without changing it. */
export async function readBucket(
  connection: RedisConnection,
  pattern: string,
  account: Account,
): Promise<BucketState> {
  try {
    const reply = await connection.client.eval_ro(
      readScript,
      1,
      bucketKey(pattern, account),
      account.capacity,
      account.refillPerSecond,
    );
    const [exists, tokens] = reply as [number, string];
    return { exists: exists === 1, tokens: Number(tokens) };
  } catch (error) {
    throw commandError(error, connection);
  }
}

/** Fills an account's bucket. */
export async function fillBucket(
  connection: RedisConnection,
  pattern: string,
  account: Account,
): Promise<void> {
  try {
    await connection.client.eval(fillScript, 1, bucketKey(pattern, account), account.capacity);
  } catch (error) {
    throw commandError(error, connection);
  }
}

/** Adds tokens to an account's bucket, up to its capacity. Answers how many it holds then. */
export async function grantTokens(
  connection: RedisConnection,
  pattern: string,
  account: Account,
  tokens: number,
): Promise<number> {
  try {
    const { capacity, refillPerSecond } = account;
    const key = bucketKey(pattern, account);
    return Number(await connection.client.eval(grantScript, 1, key, capacity, refillPerSecond, tokens));
  } catch (error) {
    throw commandError(error, connection);
  }
}
