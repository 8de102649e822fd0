import { withDeadline } from "../../core/deadline.ts";
import { RedisopsError, toRedisopsError } from "../../core/errors.ts";
import { commandError, type NodeConnection } from "../../core/redis/connect.ts";
import type { Scrape } from "../probe.ts";
import type { RoleConnections } from "./role-connections.ts";
import type { Shard } from "./topology.ts";

/** What a shard answered. */
export interface ShardAnswer<T> {
  readonly shard: Shard;
  readonly value: T;
}

/** What became of work on all shards of a role. */
export interface ShardAnswers<T> {
  /** Of those that answered. */
  readonly answers: readonly ShardAnswer<T>[];
  /** Why the others did not, one reason each. */
  readonly failures: readonly RedisopsError[];
}

/** Work on one server, for as long as the scrape has. Rejects with a RedisopsError. */
export async function onNode<T>(
  connections: RoleConnections,
  address: string,
  left: Scrape["left"],
  work: (connection: NodeConnection) => Promise<T>,
): Promise<T> {
  const connection = await connections.node(address);
  const { target } = connection;
  try {
    return await withDeadline(
      work(connection),
      left(),
      () => new RedisopsError("REDIS_TIMEOUT", `${target} did not answer before the deadline`, { target }),
    );
  } catch (error) {
    throw commandError(error, connection);
  }
}

/**
 * Works on the primaries of all shards at the same time, so that one that is down holds up nobody else. Rejects only when
 * nobody can tell what the shards are.
 */
export async function eachShard<T>(
  connections: RoleConnections,
  left: Scrape["left"],
  work: (connection: NodeConnection, shard: Shard) => Promise<T>,
): Promise<ShardAnswers<T>> {
  const { shards } = await connections.topology();
  const answers: ShardAnswer<T>[] = [];
  const failures: RedisopsError[] = [];
  await Promise.all(
    shards.map(async (shard) => {
      try {
        const value = await onNode(connections, shard.primary, left, (connection) => work(connection, shard));
        answers.push({ shard, value });
      } catch (error) {
        failures.push(toRedisopsError(error));
      }
    }),
  );
  return { answers, failures };
}
