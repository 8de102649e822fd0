import { loadConfig } from "../../core/config/load.ts";
import { rateLimitKeys } from "../../core/rate-limit/count-script.ts";
import { sequenceKeys } from "../../core/sequence/counter.ts";
import { bucketKey, configuredAccounts } from "../../core/token-bucket/buckets.ts";
import { withRedis } from "../servers/redis-client.ts";
import type { Done } from "./injection.ts";
import { type PlatformSettings, section } from "./settings.ts";
import { shardOfKey } from "./shards.ts";
import type { Stores } from "./stores.ts";

/** Longest time for a fault's commands at one server, in milliseconds. */
const deadlineMs = 5_000;

/** Users whose counters lose their time to live. */
const stuckUsers = 200;
/** Messages that such a counter stands at, over every limit. */
const stuckAt = 1_000;

/**
 * Leaves counters without a time to live, as an application does that counts and crashes before it sets one. They are those
 * of users who send nothing: the library gives a counter its time to live back as soon as its user is over the limit.
 */
export async function stickCounters({ rateLimit }: Stores, settings: PlatformSettings): Promise<Done> {
  const keyOf = rateLimitKeys(section(loadConfig(settings.configFile), "rate_limit").key);
  const keys = Array.from({ length: stuckUsers }, (_, index) => keyOf(`u-${settings.people + index}`));
  const pipelined = (commands: (string | number)[][]) =>
    withRedis(rateLimit.port, (client) => client.pipeline(commands).exec(), { deadlineMs });
  await pipelined(keys.map((key) => ["set", key, stuckAt]));
  return {
    target: "rate_limit",
    members: [rateLimit.name],
    what: `the counters of ${stuckUsers} users have no time to live and stand at ${stuckAt}`,
    async undo() {
      await pipelined(keys.map((key) => ["pexpire", key, 1]));
    },
  };
}

/** Sets every counter of a pattern to 0. Answers the keys with what they counted. */
const lowerScript = `
local found = {}
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  local count = redis.call('GET', key)
  redis.call('SET', key, 0, 'KEEPTTL')
  found[#found + 1] = key
  found[#found + 1] = count
end
return found`;

/** Puts what was taken off back on top of what has been counted since, so that no id comes twice any more. */
const raiseScript = `
for index = 1, #ARGV, 2 do redis.call('INCRBY', ARGV[index], ARGV[index + 1]) end`;

/** Counters of one command of the undoing: Lua's stack has room for some 8,000 arguments. */
const raisedAtOnce = 1_000;

/** Lets all sequence counters begin again, as those of a server that came back with what it had at its first start. */
export async function lowerSequence({ sequence }: Stores, settings: PlatformSettings): Promise<Done> {
  const keyOf = sequenceKeys(section(loadConfig(settings.configFile), "sequence").key);
  const run = (...words: (string | number)[]) =>
    withRedis(sequence.port, (client) => client.call("EVAL", ...words), { deadlineMs });
  const lowered = (await run(lowerScript, 0, keyOf("*"))) as string[];
  return {
    target: "sequence",
    members: [sequence.name],
    what: `${lowered.length / 2} sequence counters begin at 0 again`,
    async undo() {
      for (let from = 0; from < lowered.length; from += 2 * raisedAtOnce) {
        await run(raiseScript, 0, ...lowered.slice(from, from + 2 * raisedAtOnce));
      }
    },
  };
}

/** Seconds for which the buckets have been drained in advance. */
const owedSeconds = 600;

/**
 * Lets every account's bucket owe the tokens of ten minutes: nothing can be taken until they have been refilled, and a
 * bucket that is missing counts as full, which is how they are given back.
 */
export async function drainBuckets({ cluster }: Stores, settings: PlatformSettings): Promise<Done> {
  const config = loadConfig(settings.configFile);
  const pattern = section(config, "token_bucket").key;
  const accounts = configuredAccounts(config.providers).map((account) => ({
    key: bucketKey(pattern, account),
    owed: owedSeconds * account.refillPerSecond,
  }));
  const onItsShard = async (key: string, ...words: (string | number)[]) => {
    const { port } = await cluster.primaryOf(shardOfKey(key));
    await withRedis(port, (client) => client.call("EVAL", words[0] ?? "", 1, key, ...words.slice(1)), {
      deadlineMs,
    });
  };
  const drain = `
    local time = redis.call('TIME')
    return redis.call('HSET', KEYS[1], 'tokens', -ARGV[1], 'updated_ms', time[1] * 1000)`;
  await Promise.all(accounts.map(({ key, owed }) => onItsShard(key, drain, owed)));
  return {
    target: "token_bucket",
    members: [],
    what: `the buckets of ${accounts.length} accounts are drained for ${owedSeconds / 60} minutes`,
    async undo() {
      await Promise.all(accounts.map(({ key }) => onItsShard(key, "return redis.call('DEL', KEYS[1])")));
    },
  };
}
