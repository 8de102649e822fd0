import type { NodeConnection } from "../../core/redis/connect.ts";
import { slotHasMoved } from "../../core/redis/redis-error.ts";
import { RedisScript } from "../../core/redis/script.ts";

/** What was seen of a server's keys without reading all of them. redisops' own canaries are left out. */
export interface KeySample {
  /** All keys, as the server counts them; expired ones that it has not removed yet included. */
  readonly keys: number;
  /** All keys without a time to live, as the server counts them. */
  readonly withoutTtl: number;
  /** Keys that were drawn at random, one that was drawn twice counted twice. */
  readonly drawn: number;
  /** Those of them that are the role's. */
  readonly matching: number;
  /** Distinct keys that were drawn, and those of them that are the role's. */
  readonly distinct: number;
  readonly distinctMatching: number;
  /** Distinct keys without a time to live among those drawn. */
  readonly met: readonly string[];
  /** The same with those of earlier scrapes, where there are too few to judge by. */
  readonly witnesses: number;
  /** How many of the witnesses are the role's. */
  readonly witnessesMatching: number;
}

/** Keys without a time to live that tell enough without those of earlier scrapes, whose share may have changed. */
const enough = 50;

/** What to draw. */
export interface KeySampleOptions {
  /** Keys to draw; some are drawn twice. */
  readonly count: number;
  /** Canaries of redisops that may be there. */
  readonly own: readonly string[];
  /** Whether a key is one of the role's. */
  readonly matches: (key: string) => boolean;
  /** Keys that had no time to live in earlier scrapes. */
  readonly witnesses: readonly string[];
}

/*
 * One command instead of hundreds: measured, a scrape of a million keys takes a third of the time. A script that names no
 * keys runs on the node that it is sent to, and RANDOMKEY gives that node's own.
 */
const drawScript = new RedisScript(`
local keys = {}
for draw = 1, tonumber(ARGV[1]) do
  local key = redis.call('RANDOMKEY')
  if not key then break end
  keys[draw] = key
end
return keys`);

/** Keys that have moved to another shard count as gone. */
const lifetimesScript = new RedisScript(`
local lifetimes = {}
for index, key in ipairs(ARGV) do
  local lifetime = redis.pcall('PTTL', key)
  if type(lifetime) == 'table' then
    if not string.find(lifetime.err, 'non local key', 1, true) then return lifetime end
    lifetime = -2
  end
  lifetimes[index] = lifetime
end
return lifetimes`);

const listOf = (reply: unknown): readonly unknown[] => (Array.isArray(reply) ? reply : []);

/** A canary in a slot that has moved to another shard is not there. */
function movedAway(error: unknown): number {
  if (slotHasMoved(error)) return 0;
  throw error;
}

/** Keys of database 0, and those of them with a time to live, from INFO keyspace. */
function keyspaceOf(info: string): { readonly keys: number; readonly expires: number } {
  const [, keys = "0", expires = "0"] = /^db0:keys=(\d+),expires=(\d+)/m.exec(info) ?? [];
  return { keys: Number(keys), expires: Number(expires) };
}

/**
 * Looks at a server's keys by a bounded number of RANDOMKEYs, in one round trip, two where there are keys without a time to
 * live. Rejects with what ioredis rejects with.
 */
export async function sampleKeys({ client }: NodeConnection, options: KeySampleOptions): Promise<KeySample> {
  const { count, own, matches, witnesses } = options;
  const [info, canaries, random] = await Promise.all([
    client.info("keyspace"),
    Promise.all(own.map((key) => client.exists(key).catch(movedAway))),
    drawScript.run(client, [], [count]),
  ]);
  const { keys, expires } = keyspaceOf(info);
  const canary = new Set(own);
  const drawn = listOf(random).filter((key): key is string => typeof key === "string" && !canary.has(key));
  const distinct = [...new Set(drawn)];

  const withoutTtl = Math.max(0, keys - expires);
  const suspects = withoutTtl === 0 ? [] : [...new Set([...witnesses, ...distinct])];
  const lifetimes = suspects.length === 0 ? [] : listOf(await lifetimesScript.run(client, [], suspects));
  const found = suspects.filter((_, index) => lifetimes[index] === -1);
  const fresh = new Set(distinct);
  const met = found.filter((key) => fresh.has(key));
  const telling = met.length >= enough && found.length < withoutTtl ? met : found;
  return {
    keys: Math.max(0, keys - canaries.filter((there) => there === 1).length),
    withoutTtl,
    drawn: drawn.length,
    matching: drawn.filter(matches).length,
    distinct: distinct.length,
    distinctMatching: distinct.filter(matches).length,
    met,
    witnesses: telling.length,
    witnessesMatching: telling.filter(matches).length,
  };
}
