import { performance } from "node:perf_hooks";
import type { RolesConfig } from "../../core/config/redis-section.ts";
import { withDeadline } from "../../core/deadline.ts";
import { RedisopsError } from "../../core/errors.ts";
import type { ChangedUser } from "../../core/preferences/changed-users.ts";
import type { CachedEntry } from "../../core/preferences/judge-entries.ts";
import { commandError, type NodeConnection } from "../../core/redis/connect.ts";
import { keysOf } from "../../core/redis/key-pattern.ts";
import { slotHasMoved } from "../../core/redis/redis-error.ts";
import type { RoleConnections } from "../redis/role-connections.ts";

/** Reads of which the median is told. */
export const timedReads = 5;

/** The middle one of an odd number of values. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Reads users' entries from the cache, each from the primary that has it. */
export class CacheReads {
  readonly #connections: RoleConnections;
  readonly #keyOf: (userId: string) => string;
  readonly #left: () => number;

  /** `left` answers the milliseconds until all reads have to be done. */
  constructor(
    connections: RoleConnections,
    role: NonNullable<RolesConfig["preferences"]>,
    left: () => number,
  ) {
    this.#connections = connections;
    this.#keyOf = keysOf(role.key, "{user_id}");
    this.#left = left;
  }

  /** The median time of single reads of the first few users, in seconds; connecting does not count. */
  async time(users: readonly string[]): Promise<number> {
    const seconds: number[] = [];
    for (let n = 0; n < timedReads; n += 1) {
      const key = this.#keyOf(users[n % users.length] ?? "");
      const node = await this.#intime(this.#connections.primaryFor(key), "the preferences cache");
      const asked = performance.now();
      await this.#intime(node.client.get(key), node.target).catch((error: unknown) => {
        // A slot that is on its way to another shard says nothing of the entry.
        if (!slotHasMoved(error)) throw commandError(error, node);
      });
      seconds.push((performance.now() - asked) / 1_000);
    }
    return median(seconds);
  }

  /**
   * The users' entries, in one round trip to each shard. A shard that does not answer leaves its users out and is told
   * through `failed`.
   */
  async entries(users: readonly ChangedUser[], failed: (error: unknown) => void): Promise<CachedEntry[]> {
    const byNode = new Map<NodeConnection, ChangedUser[]>();
    await Promise.all(
      users.map(async (user) => {
        try {
          const reached = this.#connections.primaryFor(this.#keyOf(user.userId));
          const node = await this.#intime(reached, "the preferences cache");
          byNode.set(node, [...(byNode.get(node) ?? []), user]);
        } catch (error) {
          failed(error);
        }
      }),
    );
    const found = await Promise.all(
      [...byNode].map(([node, own]) =>
        this.#ofNode(node, own).catch((error: unknown) => {
          failed(commandError(error, node));
          return [];
        }),
      ),
    );
    return found.flat();
  }

  async #ofNode(node: NodeConnection, users: readonly ChangedUser[]): Promise<CachedEntry[]> {
    const commands = users.map(({ userId }) => ["get", this.#keyOf(userId)]);
    const replies = await this.#intime(node.client.pipeline(commands).exec(), node.target);
    return users.flatMap((user, index) => {
      const [error, value] = replies?.[index] ?? [null, null];
      if (error === null) return [{ ...user, value: typeof value === "string" ? value : null }];
      // A key of another type is no entry that this layout knows.
      if (error.message.startsWith("WRONGTYPE")) return [{ ...user, value: "" }];
      if (slotHasMoved(error)) return [];
      throw error;
    });
  }

  #intime<T>(work: Promise<T>, target: string): Promise<T> {
    const late = () =>
      new RedisopsError("REDIS_TIMEOUT", `${target} did not answer before the deadline`, { target });
    return withDeadline(work, this.#left(), late);
  }
}
