import type { RolesConfig } from "../../core/config/redis-section.ts";
import { type CachedPreferences, encodePreferences, entryLife } from "../../core/preferences/cache-entry.ts";
import type { ChangedUser } from "../../core/preferences/changed-users.ts";
import { type BulkWriter, openBulkWriter } from "../../core/redis/bulk/bulk-writer.ts";
import type { RedisTimeouts } from "../../core/redis/client-options.ts";
import { keysOf } from "../../core/redis/key-pattern.ts";
import { RedisScript } from "../../core/redis/script.ts";

/** The value; an empty one for a key of another type, which is no entry of any layout. */
const readValue = new RedisScript(`
local value = redis.pcall('GET', KEYS[1])
if type(value) ~= 'table' then return value end
if string.find(value.err, 'WRONGTYPE', 1, true) then return '' end
return value
`);

/**
 * Takes out an entry that was read before the change ARGV[1], or that has another layout. It judges what is there at that
 * moment, so that an entry that was written anew since stays.
 */
const deleteOutdated = new RedisScript(`
local value = redis.pcall('GET', KEYS[1])
if not value then return 0 end
if type(value) == 'string' then
  local readable, entry = pcall(cjson.decode, value)
  if readable and type(entry) == 'table' and type(entry[1]) == 'number' and type(entry[2]) == 'number' then
    local known = true
    for position = 3, #entry do known = known and type(entry[position]) == 'string' end
    if known and entry[1] > tonumber(ARGV[1]) then return 0 end
  end
elseif not string.find(value.err, 'WRONGTYPE', 1, true) then
  return value
end
return redis.call('UNLINK', KEYS[1])
`);

/** Takes out an entry that still has the value ARGV[1]; an empty one stands for a key of another type. */
const deleteIfSame = new RedisScript(`
local value = redis.pcall('GET', KEYS[1])
if type(value) == 'table' and string.find(value.err, 'WRONGTYPE', 1, true) then value = '' end
if type(value) == 'table' then return value end
if value ~= ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])
`);

/** Commands between two looks at whether more may be sent. */
const burst = 200;

/** An entry as it was read; the value is empty where the key has another type. */
export interface RawEntry {
  readonly userId: string;
  readonly value: Buffer;
}

/** The entries of the cache, read, deleted and written in bulk. Everything rejects with a RedisopsError. */
export class CacheEntries {
  readonly #writer: BulkWriter;
  readonly #keyOf: (userId: string) => string;

  /** Use {@link CacheEntries.open}. */
  constructor(writer: BulkWriter, keyOf: (userId: string) => string) {
    this.#writer = writer;
    this.#keyOf = keyOf;
  }

  static async open(
    role: NonNullable<RolesConfig["preferences"]>,
    timeouts: RedisTimeouts,
  ): Promise<CacheEntries> {
    const writer = await openBulkWriter("preferences", role, timeouts);
    return new CacheEntries(writer, keysOf(role.key, "{user_id}"));
  }

  /** The role and its address, for messages. */
  get target(): string {
    return this.#writer.target;
  }

  /** What is there of the users; who has no entry is left out. */
  async read(users: readonly string[]): Promise<RawEntry[]> {
    const found: RawEntry[] = [];
    await this.#each(users, (userId) => {
      this.#writer.sendScript(readValue, this.#keyOf(userId), [], (value) => {
        if (Buffer.isBuffer(value)) found.push({ userId, value });
      });
    });
    return found;
  }

  /** The users who have no entry, in their order. */
  async missing(users: readonly string[]): Promise<string[]> {
    const present = new Set<string>();
    await this.#each(users, (userId) => {
      const key = this.#keyOf(userId);
      const onReply = (reply: unknown) => {
        if (reply === 1) present.add(userId);
      };
      this.#writer.sendWithReply(key, onReply, "EXISTS", key);
    });
    return users.filter((userId) => !present.has(userId));
  }

  /** Deletes the entries that do not reflect their user's change, or have another layout. Answers how many. */
  async deleteOutdated(users: readonly ChangedUser[]): Promise<number> {
    let deleted = 0;
    await this.#each(users, ({ userId, version }) => {
      this.#writer.sendScript(deleteOutdated, this.#keyOf(userId), [version], (reply) => {
        if (reply === 1) deleted += 1;
      });
    });
    return deleted;
  }

  /** Deletes the entries that still are as they were read. Answers how many. */
  async deleteUnchanged(entries: readonly RawEntry[]): Promise<number> {
    let deleted = 0;
    await this.#each(entries, ({ userId, value }) => {
      this.#writer.sendScript(deleteIfSame, this.#keyOf(userId), [value], (reply) => {
        if (reply === 1) deleted += 1;
      });
    });
    return deleted;
  }

  /** Writes entries where there is none; `ttlMs` is their life on average. Answers how many were written. */
  async fill(entries: ReadonlyMap<string, CachedPreferences>, ttlMs: number): Promise<number> {
    let written = 0;
    await this.#each([...entries], ([userId, preferences]) => {
      const key = this.#keyOf(userId);
      const value = encodePreferences(preferences);
      const onReply = (reply: unknown) => {
        if (reply !== null) written += 1;
      };
      this.#writer.sendWithReply(key, onReply, "SET", key, value, "NX", "PX", entryLife(ttlMs));
    });
    return written;
  }

  close(): void {
    this.#writer.close();
  }

  async #each<T>(items: readonly T[], send: (item: T) => void): Promise<void> {
    for (const [index, item] of items.entries()) {
      if (index % burst === 0) await this.#writer.room();
      send(item);
    }
    await this.#writer.flush();
  }
}
