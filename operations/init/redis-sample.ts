import type { Redis } from "ioredis";
import { layoutFromMeta } from "../../core/filter/bitmap-filter.ts";
import { parseRedisBloomHeader } from "../../core/filter/redisbloom-header.ts";
import { decodePreferences } from "../../core/preferences/cache-entry.ts";
import { parseEntry } from "../../core/registry/entry.ts";
import { canaryPrefix } from "../../exporters/redis/canary-keys.ts";

/** What a key holds, by its type and layout. */
export type KeyKind =
  | "registry_entry"
  | "preferences_entry"
  | "expiring_counter"
  | "lasting_counter"
  | "token_bucket"
  | "bitmap_filter"
  | "redisbloom_filter"
  | "other";

/** A key that was looked at. */
export interface SampledKey {
  readonly key: string;
  readonly kind: KeyKind;
  /** Milliseconds to live; undefined where it lasts. */
  readonly ttl: number | undefined;
  /** What a filter says that it is sized for. */
  readonly filter?: { readonly capacity: number; readonly errorRate: number };
}

/** What was looked at of a server. */
export interface Sample {
  /** Keys of all databases that the server has. */
  readonly keys: number;
  /** Keys whose names were read. */
  readonly scanned: number;
  readonly sampled: readonly SampledKey[];
}

/** Names that are read of one server at most, and how many at once: a call takes the server well under a millisecond. */
const mostNames = 20_000;
const namesAtOnce = 500;
/** Names by RANDOMKEY, where SCAN is denied. */
const randomNames = 200;
/** Groups of names that begin alike, and names that are kept of each. */
const mostGroups = 100;
const keptOfGroup = 25;
/** Characters of a value that are read. */
const valueLength = 512;

/** What a key begins with up to its last separator: `conn:u17` and `conn:u18` are of one group. */
export const groupOf = (key: string) =>
  key.slice(0, Math.max(key.lastIndexOf(":"), key.lastIndexOf("/"), key.lastIndexOf("|")) + 1);

/** Some names of each group, however rare it is among the others. */
class Groups {
  readonly #groups = new Map<string, string[]>();
  /** What begins in too many ways, such as `user:17:conn`. */
  readonly #rest: string[] = [];

  add(key: string): void {
    if (key.startsWith(canaryPrefix)) return;
    const name = groupOf(key);
    const known = this.#groups.get(name);
    if (known !== undefined) {
      if (known.length < keptOfGroup && !known.includes(key)) known.push(key);
    } else if (this.#groups.size < mostGroups) this.#groups.set(name, [key]);
    else if (this.#rest.length < mostGroups) this.#rest.push(key);
  }

  get names(): readonly string[] {
    return [...new Set([...this.#groups.values(), this.#rest].flat())];
  }
}

const isReply = (error: unknown) => error instanceof Error && error.name === "ReplyError";

async function namesOf(
  client: Redis,
): Promise<{ readonly names: readonly string[]; readonly scanned: number }> {
  const groups = new Groups();
  let scanned = 0;
  try {
    let cursor = "0";
    do {
      const [next, names] = await client.scan(cursor, "COUNT", namesAtOnce);
      for (const name of names) groups.add(name);
      scanned += names.length;
      cursor = next;
    } while (cursor !== "0" && scanned < mostNames);
  } catch (error) {
    if (!isReply(error)) throw error;
    const pipeline = client.pipeline();
    for (let index = 0; index < randomNames; index++) pipeline.call("RANDOMKEY");
    const answers = (await pipeline.exec()) ?? [];
    for (const [, name] of answers) {
      if (typeof name !== "string") continue;
      groups.add(name);
      scanned += 1;
    }
  }
  return { names: groups.names, scanned };
}

const counter = /^-?\d{1,19}$/;

function kindOfString(value: string, ttl: number | undefined): KeyKind {
  if (counter.test(value)) return ttl === undefined ? "lasting_counter" : "expiring_counter";
  if (parseEntry(value) !== undefined) return "registry_entry";
  if (decodePreferences(value) !== undefined) return "preferences_entry";
  return "other";
}

const hashFields = [
  "tokens",
  "updated_ms",
  "version",
  "capacity",
  "error_rate",
  "hashes",
  "shards",
  "bits_per_shard",
] as const;

function ofHash(key: string, ttl: number | undefined, values: readonly (string | null)[]): SampledKey {
  const fields = Object.fromEntries(hashFields.map((name, index) => [name, values[index] ?? undefined]));
  const isNumber = (text: string | undefined) =>
    text !== undefined && text !== "" && Number.isFinite(Number(text));
  if (isNumber(fields.tokens) && isNumber(fields.updated_ms)) return { key, kind: "token_bucket", ttl };
  const layout = key.endsWith(":meta") ? layoutFromMeta(fields) : undefined;
  if (layout === undefined) return { key, kind: "other", ttl };
  const { capacity, errorRate } = layout;
  return { key: key.slice(0, -":meta".length), kind: "bitmap_filter", ttl, filter: { capacity, errorRate } };
}

/** The sizing that a RedisBloom filter tells in its header; undefined where it may not be asked. */
async function bloomSizing(client: Redis, key: string): Promise<SampledKey["filter"]> {
  const dump = await client.callBuffer("BF.SCANDUMP", key, 0).catch(() => undefined);
  const header = Array.isArray(dump) ? dump[1] : undefined;
  if (!Buffer.isBuffer(header)) return undefined;
  const links = parseRedisBloomHeader(header);
  const capacity = links.reduce((sum, { entries }) => sum + entries, 0);
  return { capacity, errorRate: links[0]?.errorRate ?? 0.01 };
}

/**
 * Looks at some keys of each kind of name on a server: their types, times to live and the beginnings of their values. Reads
 * only, a bounded number of keys and bytes. Rejects with what ioredis rejects with.
 */
export async function sampleServer(client: Redis): Promise<Sample> {
  const { names, scanned } = await namesOf(client);
  const size = await client
    .dbsize()
    .catch((error: unknown) => (isReply(error) ? scanned : Promise.reject(error)));
  const first = client.pipeline();
  for (const name of names) first.type(name).pttl(name);
  const facts = (await first.exec()) ?? [];
  const sampled: SampledKey[] = [];
  const types = names.map((key, index) => {
    const ttl = Number(facts[2 * index + 1]?.[1] ?? -1);
    return { key, type: String(facts[2 * index]?.[1]), ttl: ttl < 0 ? undefined : ttl };
  });
  const second = client.pipeline();
  const read = types.filter(({ type }) => type === "string" || type === "hash");
  for (const { key, type } of read) {
    if (type === "string") second.getrange(key, 0, valueLength - 1);
    else second.hmget(key, ...hashFields);
  }
  const values = (await second.exec()) ?? [];
  for (const [index, { key, type, ttl }] of read.entries()) {
    const [error, value] = values[index] ?? [];
    if (error || value == null) continue;
    if (type === "hash") sampled.push(ofHash(key, ttl, value as (string | null)[]));
    else sampled.push({ key, kind: kindOfString(String(value), ttl), ttl });
  }
  for (const { key, ttl } of types.filter((each) => each.type === "MBbloom--")) {
    const filter = await bloomSizing(client, key);
    sampled.push({ key, kind: "redisbloom_filter", ttl, ...(filter !== undefined && { filter }) });
  }
  return { keys: Math.max(size, scanned), scanned, sampled };
}
