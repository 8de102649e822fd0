import { Cluster, type Redis } from "ioredis";
import type { RolesConfig } from "../../core/config/redis-section.ts";
import { commandError, connectRedis, type RedisConnection } from "../../core/redis/connect.ts";
import { valuesOf } from "../../core/redis/key-pattern.ts";
import { timeouts } from "./setup.ts";

/** Keys that a primary looks at in one call: a few hundred microseconds of its time. */
const keysOfCall = 1_000;
/** Calls of a primary that are made for a sample, at most. */
const sampleCalls = 20;

/** A part of a primary's keys. */
export interface ScannedPart {
  readonly users: readonly string[];
  /** Where to go on; "0" when this was the last part. */
  readonly cursor: string;
}

/** Walks through the users who have an entry, primary by primary. Everything rejects with a RedisopsError. */
export class CacheScan {
  readonly #connection: RedisConnection;
  readonly #userOf: (key: string) => string | undefined;

  private constructor(connection: RedisConnection, userOf: (key: string) => string | undefined) {
    this.#connection = connection;
    this.#userOf = userOf;
  }

  static async open(role: NonNullable<RolesConfig["preferences"]>): Promise<CacheScan> {
    const connection = await connectRedis("preferences", role, timeouts);
    return new CacheScan(connection, valuesOf(role.key, "{user_id}"));
  }

  /** The addresses of the primaries. */
  get primaries(): readonly string[] {
    return [...this.#nodes.keys()];
  }

  /** Keys of all kinds that the primaries hold. */
  async size(): Promise<number> {
    const sizes = await this.#asked(() =>
      Promise.all([...this.#nodes.values()].map((node) => node.dbsize())),
    );
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  /** The part of a primary's keys at a cursor, "0" for the first one. */
  async part(primary: string, cursor: string): Promise<ScannedPart> {
    const node = this.#nodes.get(primary);
    if (node === undefined) return { users: [], cursor: "0" };
    const [next, keys] = await this.#asked(() => node.scan(cursor, "COUNT", keysOfCall));
    const users = keys.flatMap((key) => this.#userOf(key) ?? []);
    return { users: [...new Set(users)], cursor: next };
  }

  /** Up to so many users of each primary, in the order of its hash table. */
  async sample(perPrimary: number): Promise<string[]> {
    const samples = this.primaries.map(async (primary) => {
      const users = new Set<string>();
      let cursor = "0";
      for (let calls = 0; calls < sampleCalls && users.size < perPrimary; calls += 1) {
        const part = await this.part(primary, cursor);
        for (const user of part.users) users.add(user);
        cursor = part.cursor;
        if (cursor === "0") break;
      }
      return [...users].slice(0, perPrimary);
    });
    return (await Promise.all(samples)).flat();
  }

  close(): void {
    this.#connection.close();
  }

  get #nodes(): ReadonlyMap<string, Redis> {
    const { client } = this.#connection;
    const nodes = client instanceof Cluster ? client.nodes("master") : [client];
    return new Map(nodes.map((node) => [`${node.options.host}:${node.options.port}`, node]));
  }

  async #asked<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw commandError(error, this.#connection);
    }
  }
}
