import type { NodeConnection } from "../../core/redis/connect.ts";

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

type Replies = readonly (readonly [Error | null, unknown])[];

/** The first error among replies rejects, save for keys that moved to another shard meanwhile. */
async function replies({ client }: NodeConnection, commands: (string | number)[][]): Promise<unknown[]> {
  if (commands.length === 0) return [];
  const all: Replies = (await client.pipeline(commands).exec()) ?? [];
  return all.map(([error, reply]) => {
    if (error !== null && !/^(?:MOVED|ASK|TRYAGAIN)\b/.test(error.message)) throw error;
    return error === null ? reply : undefined;
  });
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
export async function sampleKeys(connection: NodeConnection, options: KeySampleOptions): Promise<KeySample> {
  const { count, own, matches, witnesses } = options;
  const [info, ...rest] = await replies(connection, [
    ["info", "keyspace"],
    ...own.map((key) => ["exists", key]),
    ...Array.from({ length: count }, () => ["randomkey"]),
  ]);
  const { keys, expires } = keyspaceOf(String(info));
  const canaries = rest.slice(0, own.length).filter((there) => there === 1).length;
  const canary = new Set(own);
  const drawn = rest
    .slice(own.length)
    .filter((key): key is string => typeof key === "string" && !canary.has(key));
  const distinct = [...new Set(drawn)];

  const withoutTtl = Math.max(0, keys - expires);
  const suspects = withoutTtl === 0 ? [] : [...new Set([...witnesses, ...distinct])];
  const lifetimes = await replies(
    connection,
    suspects.map((key) => ["pttl", key]),
  );
  const found = suspects.filter((_, index) => lifetimes[index] === -1);
  const fresh = new Set(distinct);
  const met = found.filter((key) => fresh.has(key));
  const telling = met.length >= enough && found.length < withoutTtl ? met : found;
  return {
    keys: Math.max(0, keys - canaries),
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
