import { RedisopsError } from "../../core/errors.ts";
import type { SequenceMaximum } from "../../core/postgres/sequence-maxima.ts";
import { slotHasMoved } from "../../core/redis/redis-error.ts";
import { parseCounter, sequenceKeys } from "../../core/sequence/counter.ts";
import type { Scrape } from "../probe.ts";
import { eachShard } from "../redis/each-shard.ts";
import type { RoleConnections } from "../redis/role-connections.ts";
import { shardOfKey } from "../redis/slots.ts";

/** How live counters compare with what Postgres holds. */
export interface CounterComparison {
  /** Conversations whose counter was read; what a dead shard holds, or what is on its way to another shard, is not among them. */
  readonly compared: number;
  /** Those whose counter is below a sequence number that is in use, or gone: their next ids are in use already. */
  readonly regressed: number;
  /** The furthest that one is behind. */
  readonly largestShortfall: number;
  readonly failures: readonly RedisopsError[];
}

/**
 * Compares counters with the maxima that were read from Postgres before. In this order only: a counter never falls, so one
 * that is read later is not below what was in use earlier, however many messages are sent meanwhile.
 */
export async function compareCounters(
  connections: RoleConnections,
  keyPattern: string,
  maxima: readonly SequenceMaximum[],
  left: Scrape["left"],
): Promise<CounterComparison> {
  const keyOf = sequenceKeys(keyPattern);
  const { kind, shards } = await connections.topology();
  const { answers, failures } = await eachShard(connections, left, async ({ client, target }, shard) => {
    const own = maxima.filter(({ conversation }) => {
      const serving = kind === "cluster" ? shardOfKey(shards, keyOf(conversation)) : shards[0];
      return serving?.name === shard.name;
    });
    if (own.length === 0) return { shortfalls: [], foreign: undefined };
    const replies = await client.pipeline(own.map(({ conversation }) => ["get", keyOf(conversation)])).exec();
    let foreign: RedisopsError | undefined;
    const shortfalls = own.flatMap(({ sequence }, index) => {
      const [error, text] = replies?.[index] ?? [];
      // The conversation is on its way to another shard; the others are compared all the same.
      if (slotHasMoved(error)) return [];
      if (error instanceof Error && !/^WRONGTYPE\b/.test(error.message)) throw error;
      const counter = error ? undefined : parseCounter(typeof text === "string" ? text : null);
      if (counter !== undefined) return [Math.max(0, sequence - counter)];
      foreign = new RedisopsError(
        "REDIS_ERROR",
        `${target}: a sampled conversation’s counter is no counter: its key holds something else`,
        {
          target,
          next: "Compare roles.sequence.key in redisops.yaml with the keys that the applications use.",
        },
      );
      return [];
    });
    return { shortfalls, foreign };
  });
  const shortfalls = answers.flatMap(({ value }) => value.shortfalls);
  return {
    compared: shortfalls.length,
    regressed: shortfalls.filter((shortfall) => shortfall > 0).length,
    largestShortfall: Math.max(0, ...shortfalls),
    failures: [...failures, ...answers.flatMap(({ value }) => value.foreign ?? [])],
  };
}
