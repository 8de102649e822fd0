import type { Redis } from "ioredis";
import { Registry } from "prom-client";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { compareMessageIds, type MessageId } from "../../core/sequence/message-id.ts";
import { SequenceClient, type SequenceOptions } from "../../fallbacks/sequence/sequence-client.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { MetricsPage } from "./exporter-page.ts";

let workspace: Workspace;
let server: RedisServer;

beforeAll(async () => {
  workspace = await createWorkspace("sequence");
  server = await startRedis(workspace, { name: "redis" });
}, patience);

beforeEach(() => command((client) => client.flushall()));

afterAll(() => workspace.close());

const command = <T>(work: (client: Redis) => Promise<T>) => withRedis(server.port, work);

async function withClient(
  options: SequenceOptions,
  work: (client: SequenceClient, page: () => Promise<MetricsPage>) => Promise<void>,
): Promise<void> {
  const metrics = new Registry();
  const connection = { topology: "standalone" as const, address: `127.0.0.1:${server.port}` };
  const client = new SequenceClient(connection, { deadlineMs: 5_000, metrics, ...options });
  try {
    expect(await client.ready(patience)).toBe(true);
    await work(client, async () => new MetricsPage(await metrics.metrics()));
  } finally {
    client.close();
  }
}

const many = (client: SequenceClient, count: number, conversation = "c") =>
  Promise.all(Array.from({ length: count }, () => client.next(conversation)));

const sequences = (ids: readonly MessageId[]) =>
  ids.map((id) => (id.kind === "sequence" ? id.sequence : undefined));

const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, n) => first + n);

function expectRising(ids: readonly MessageId[]): void {
  for (const [index, id] of ids.entries()) {
    const before = ids[index - 1];
    if (before !== undefined) expect(compareMessageIds(before, id)).toBeLessThan(0);
  }
}

/** Asks until the counter answers again. Returns the ids that were given meanwhile. */
async function untilCounted(client: SequenceClient, conversation = "c"): Promise<MessageId[]> {
  const given: MessageId[] = [];
  const counted = async () => {
    const id = await client.next(conversation);
    given.push(id);
    return id.kind === "sequence";
  };
  await waitUntil(counted, { what: "the counter to answer again", deadlineMs: patience });
  return given;
}

const regressions = (page: MetricsPage) => page.value("redisops_sequence_regressions_total");

describe("the sequence client", { timeout: patience }, () => {
  it("numbers the messages of each conversation from 1, also when they are sent at once", async () => {
    await withClient({}, async (client, page) => {
      const ids = await many(client, 500);
      expect(sequences(ids)).toEqual(upTo(500));
      expectRising(ids);
      expect(sequences(await many(client, 2, "other"))).toEqual([1, 2]);
      expect((await page()).value("redisops_decisions_degraded_total")).toBe(0);
    });
  });

  it("shares the counter, a plain integer, between processes", async () => {
    await withClient({}, async (one) => {
      await withClient({}, async (other) => {
        const ids = (await Promise.all([many(one, 100), many(other, 100)])).flat();
        expect(sequences(ids.toSorted(compareMessageIds))).toEqual(upTo(200));
        expect(await command((client) => client.get("seq:c"))).toBe("200");
      });
    });
  });

  it("gives ids of the clock while the server hangs, and the order is that of sending", async () => {
    await withClient({ deadlineMs: 200 }, async (client, page) => {
      const before = await untilCounted(client);
      server.pause();
      await frozen([server.pid]);
      const during = [...(await many(client, 50)), ...(await many(client, 2_000))];
      expect(new Set(during.map(({ kind }) => kind))).toEqual(new Set(["timestamp"]));
      expect(
        (await page()).value("redisops_decisions_degraded_total", { fallback: "timestamp_id" }),
      ).toBeGreaterThanOrEqual(2_050);
      server.resume();
      const after = [...(await untilCounted(client)), ...(await many(client, 50))];
      const sent = [...before, ...during, ...after];
      expectRising(sent);
      expect(new Set(sent.map(({ text }) => text)).size).toBe(sent.length);
      expect(sent.map(({ text }) => text).toSorted()).toEqual(sent.map(({ text }) => text));
      expect(regressions(await page())).toBe(0);
    });
  });

  it("goes on from the highest that it has seen when the counter was lost", async () => {
    await withClient({}, async (client, page) => {
      const before = await many(client, 20);
      await command((redis) => redis.flushall());
      const after = await many(client, 20);
      expect(sequences(after)).toEqual(upTo(40, 21));
      expectRising([...before, ...after]);
      expect(regressions(await page())).toBe(1);
      expect(await command((redis) => redis.get("seq:c"))).toBe("40");
    });
  });

  it("goes on from the highest that it has seen when the counter went back a little", async () => {
    await withClient({}, async (client, page) => {
      await many(client, 20);
      await command((redis) => redis.set("seq:c", 19, "EX", 1_000));
      expect(sequences(await many(client, 2))).toEqual([21, 22]);
      expect(regressions(await page())).toBe(1);
      expect(await command((redis) => redis.ttl("seq:c"))).toBeGreaterThan(0);
    });
  });

  it("does not repeat an id after a restart with an empty server", async () => {
    await withClient({}, async (client) => {
      const before = await many(client, 30);
      await server.restart({ empty: true });
      const after = await untilCounted(client);
      expectRising([...before, ...after]);
      expect(sequences(after).at(-1)).toBe(31);
    });
  });

  it("gives no id twice when the counter goes back between calls that are on their way", async () => {
    await withClient({}, async (client, page) => {
      await command(async (redis) => {
        await redis.config("RESETSTAT");
        let highest = 0;
        // A call whose answer came too late to be above the others is made once more.
        const repeated = async () => {
          const [ids] = await Promise.all([many(client, 30), redis.set("seq:c", 0)]);
          const given = sequences(ids).map(Number);
          expect(new Set(given).size).toBe(30);
          expect(Math.min(...given)).toBeGreaterThan(highest);
          highest = Math.max(...given);
          const [, calls] = /cmdstat_evalsha:calls=(\d+)/.exec(await redis.info("commandstats")) ?? [];
          return Number(calls) > Number((await page()).value("redisops_store_calls_total"));
        };
        await waitUntil(repeated, { what: "an answer to be overtaken", deadlineMs: patience, intervalMs: 1 });
      });
    });
  });

  it("remembers as many conversations as it is told to, the latest used ones", async () => {
    await withClient({ maxConversations: 2 }, async (client) => {
      for (const conversation of ["one", "two", "three"]) await many(client, 5, conversation);
      await command((redis) => redis.flushall());
      expect(sequences(await many(client, 1, "three"))).toEqual([6]);
      expect(sequences(await many(client, 1, "two"))).toEqual([6]);
      expect(sequences(await many(client, 1, "one"))).toEqual([1]);
    });
  });

  it("keeps conversations out of its metrics", async () => {
    await withClient({}, async (client, page) => {
      await client.next("the-secret-circle");
      expect((await page()).text).not.toContain("secret-circle");
    });
  });
});
