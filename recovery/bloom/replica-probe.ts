import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { DedupConfig } from "../../core/config/redis-section.ts";
import { RedisopsError, toRedisopsError } from "../../core/errors.ts";
import type { FilterId } from "../../core/filter/filter.ts";
import { openFilter, singleServer } from "../../core/filter/open-filter.ts";
import { connectNode, type RedisConnection } from "../../core/redis/connect.ts";
import { redisError } from "../../core/redis/redis-error.ts";
import { timeouts } from "./bloom-config.ts";

/** Longest wait until replicas have what the primary has, in milliseconds. */
const catchUpDeadline = 30_000;
/** Milliseconds between two looks at how far they are. */
const lookInterval = 50;
/** Ids per question. */
const idsPerQuestion = 500;

/** A replica as its primary lists it. */
interface Replica {
  readonly address: string;
  /** How far it has acknowledged the replication stream, in bytes. */
  readonly offset: number;
}

interface Replication {
  readonly offset: number;
  readonly replicas: readonly Replica[];
}

async function replicationOf(client: Redis): Promise<Replication> {
  const info = await client.info("replication");
  const replicas = [...info.matchAll(/^slave\d+:ip=([^,]+),port=(\d+),state=online,offset=(\d+)/gm)];
  return {
    offset: Number(/^master_repl_offset:(\d+)/m.exec(info)?.[1] ?? 0),
    replicas: replicas.map(([, host, port, offset]) => ({
      address: `${host}:${port}`,
      offset: Number(offset),
    })),
  };
}

/** Addresses of the replicas that follow the primary, by its own word. Rejects with a RedisopsError. */
export async function replicasOf(connection: RedisConnection): Promise<readonly string[]> {
  try {
    const { replicas } = await replicationOf(singleServer(connection));
    return replicas.map(({ address }) => address);
  } catch (error) {
    throw redisError(error, connection.target);
  }
}

/** Waits until every replica has acknowledged what the primary has written by now. */
async function caughtUp(connection: RedisConnection, signal: AbortSignal): Promise<readonly string[]> {
  const client = singleServer(connection);
  const end = performance.now() + catchUpDeadline;
  const { offset } = await replicationOf(client);
  for (;;) {
    signal.throwIfAborted();
    const { replicas } = await replicationOf(client);
    const behind = replicas.find((replica) => replica.offset < offset);
    if (behind === undefined) return replicas.map(({ address }) => address);
    if (performance.now() > end) {
      throw new RedisopsError(
        "FILTER_REPLICA_BEHIND",
        `The replica ${behind.address} has not acknowledged the new filter within ${catchUpDeadline / 1000} s; it was not put in place`,
        {
          target: connection.target,
          next: "Wait until the replica has caught up; its link may be too slow.",
        },
      );
    }
    await delay(lookInterval);
  }
}

/** What a probe looks for. */
export interface ReplicaProbe {
  readonly connection: RedisConnection;
  readonly config: DedupConfig;
  /** Key of the filter that is to be looked at. */
  readonly key: string;
  /** Ids that it must know. */
  readonly ids: readonly FilterId[];
  readonly signal: AbortSignal;
  readonly onWarning: (message: string) => void;
}

/**
 * Looks ids up on every replica that follows the primary: one that is promoted must know them. Rejects with
 * FILTER_REPLICA_BEHIND where one lacks some, or does not catch up in time. One that cannot be reached from here is a
 * warning: a command that runs elsewhere may not be let in. Answers how many were looked at.
 */
export async function requireOnReplicas({
  connection,
  config,
  key,
  ids,
  signal,
  onWarning,
}: ReplicaProbe): Promise<number> {
  const addresses = await caughtUp(connection, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    throw redisError(error, connection.target);
  });
  let looked = 0;
  for (const address of addresses) {
    const absent = await absentOn(address, { config, key, ids }).catch((error: unknown) => {
      const { code, message } = toRedisopsError(error);
      if (code === "FILTER_WRONG_TYPE" || code === "FILTER_ENGINE_UNSUPPORTED") throw error;
      onWarning(`the replica at ${address} could not be looked at: ${message}`);
      return undefined;
    });
    if (absent === undefined) continue;
    looked += 1;
    if (absent === 0) continue;
    throw new RedisopsError(
      "FILTER_REPLICA_BEHIND",
      `The replica at ${address} lacks ${absent} of ${ids.length} ids that the primary’s new filter has; it was not put in place`,
      { target: connection.target },
    );
  }
  return looked;
}

async function absentOn(
  address: string,
  { config, key, ids }: Pick<ReplicaProbe, "config" | "key" | "ids">,
): Promise<number> {
  const target = `dedup replica at ${address}`;
  const replica = await connectNode(config, address, target, timeouts);
  try {
    const filter = openFilter(replica, config.filter, key);
    let absent = 0;
    for (let start = 0; start < ids.length; start += idsPerQuestion) {
      const present = await filter.has(ids.slice(start, start + idsPerQuestion));
      absent += present.filter((found) => !found).length;
    }
    return absent;
  } finally {
    replica.close();
  }
}
