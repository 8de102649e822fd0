import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { World } from "../world.ts";
import { type Servers, startServers } from "./servers.ts";

/** Conversations; that of number n has n % 50 + 1 messages. */
const conversations = 20_000;
const highestOf = (n: number) => (n % 50) + 1;
const margin = 100;
/** Every third counter is behind, every third is gone, every third is far ahead, as after a margin of before. */
const liveOf = (n: number) => (n % 3 === 0 ? 1 : n % 3 === 1 ? undefined : 1_000 + n);

/** Writes the messages; once, since no recovery changes them. */
export async function writeMessages({ admin }: Servers, count = conversations): Promise<void> {
  await admin.query(`
    CREATE TABLE messages (conversation_id text, message_id bigint, created_at timestamptz NOT NULL DEFAULT now());
    INSERT INTO messages SELECT 'c' || n, m FROM generate_series(0, ${count - 1}) AS n, generate_series(1, n % 50 + 1, 7) AS m;
    INSERT INTO messages SELECT 'c' || n, n % 50 + 1 FROM generate_series(0, ${count - 1}) AS n;
    CREATE INDEX ON messages (created_at);
    CREATE INDEX ON messages (conversation_id, created_at);`);
}

/** Sets the counters as they are after a failover that lost much. */
export async function loseCounters({ redis }: Servers, count = conversations): Promise<void> {
  await redis.flushall();
  for (let start = 0; start < count; start += 5_000) {
    const pipeline = redis.pipeline();
    for (let n = start; n < Math.min(count, start + 5_000); n += 1) {
      const live = liveOf(n);
      if (live !== undefined) pipeline.set(`seq:c${n}`, live);
    }
    await pipeline.exec();
  }
}

async function counters({ redis }: Servers, count: number): Promise<number[]> {
  const all: number[] = [];
  for (let start = 0; start < count; start += 5_000) {
    const keys = Array.from({ length: Math.min(5_000, count - start) }, (_, n) => `seq:c${start + n}`);
    all.push(...(await redis.mget(keys)).map(Number));
  }
  return all;
}

/** Counters that are lower than they were, or than what is durable. */
export async function loweredCounters(servers: Servers, count = conversations): Promise<number> {
  const live = await counters(servers, count);
  return live.filter((value, n) => value < Math.max(highestOf(n), liveOf(n) ?? 0)).length;
}

/** Counters that are still below what is durable. */
export async function lowCounters(servers: Servers, count = conversations): Promise<number> {
  const live = await counters(servers, count);
  return live.filter((value, n) => value < highestOf(n)).length;
}

/** Counters of conversations, two thirds of which a failover has set back or lost. */
export async function sequenceWorld(): Promise<World> {
  const servers = await startServers("chaos-sequence");
  await writeMessages(servers);
  const { redis } = servers;
  const configFile = await servers.configure(
    { roles: { sequence: servers.role }, recovery: { sequence: { peak_rate: margin / 10 } } },
    { messages: {} },
  );
  /** The ids that were given out in the traffic, by conversation, in order. */
  let given = new Map<number, number[]>();
  let total = 0;
  let turn = 0;
  return {
    ...servers,
    recovery: "sequence",
    configFile,
    async reset() {
      await loseCounters(servers);
      given = new Map();
    },
    // Writes have resumed too early: what is given out from a raised counter must not be given out again.
    async traffic(signal) {
      while (!signal.aborted) {
        const n = (turn++ * 7919) % conversations;
        const value = await redis.incr(`seq:c${n}`);
        given.set(n, [...(given.get(n) ?? []), value]);
        total += 1;
        if (turn % 20 === 0) await delay(1);
      }
    },
    async state() {
      return createHash("sha256")
        .update((await counters(servers, conversations)).join(" "))
        .digest("hex");
    },
    async problems() {
      const lowered = await loweredCounters(servers);
      const repeated = [...given.values()].filter((ids) =>
        ids.some((id, index) => index > 0 && id <= (ids[index - 1] ?? 0)),
      ).length;
      return [
        ...(lowered === 0 ? [] : [`${lowered} counters are lower than what is durable, or than they were`]),
        ...(repeated === 0 ? [] : [`${repeated} conversations were given an id twice, or a lower one`]),
      ];
    },
    figures: () => ({ "ids given meanwhile": total }),
  };
}
