import slotOf from "cluster-key-slot";
import { Registry } from "prom-client";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { parseConfig } from "../../core/config/load.ts";
import { sequenceId, timestampId } from "../../core/sequence/message-id.ts";
import { Probes } from "../../exporters/probes.ts";
import { SequenceClient } from "../../fallbacks/sequence/sequence-client.ts";
import { moveSlots } from "../../lab/servers/cluster-reshard.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { startRedisCluster } from "../../lab/servers/redis-cluster.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { type Database, startDatabase } from "./exporter-database.ts";
import { startExporter } from "./exporter-harness.ts";
import type { MetricsPage } from "./exporter-page.ts";

let workspace: Workspace;
let database: Database;
let redis: RedisServer;

beforeAll(async () => {
  workspace = await createWorkspace("exporter-sequence");
  [database, redis] = await Promise.all([
    startDatabase(workspace),
    startRedis(workspace, { name: "sequence" }),
  ]);
  await database.admin.query(`
    CREATE TABLE messages (
      conversation_id text NOT NULL,
      message_id text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    CREATE INDEX ON messages (created_at);
    CREATE INDEX ON messages (conversation_id, created_at);
    CREATE TABLE posts (room bigint NOT NULL, place bigint NOT NULL, posted timestamptz NOT NULL);
    CREATE INDEX ON posts (posted);
    CREATE INDEX ON posts (room, posted);`);
});

beforeEach(async () => {
  if (!redis.running) await redis.restart({ empty: true });
  await withRedis(redis.port, (client) => client.flushall());
  await database.admin.query("TRUNCATE messages, posts");
});

afterAll(async () => {
  await workspace.close();
});

const standalone = () => ({ topology: "standalone" as const, address: `127.0.0.1:${redis.port}` });
const parts = ({ role = standalone() as object, messages = {} as object, postgres = {} } = {}) => ({
  roles: { sequence: role },
  postgres: database.section({ tables: { messages }, ...postgres }),
});
const exporterOf = (options: Parameters<typeof parts>[0] = {}) => startExporter(workspace, parts(options));

const canary = (page: MetricsPage) => page.value("redisops_sequence_canary_ratio");
const regressions = (page: MetricsPage) => page.value("redisops_sequence_canary_regressions_total");
const sampled = (page: MetricsPage) => page.value("redisops_sequence_conversations_sampled");
const behind = (page: MetricsPage) => page.value("redisops_sequence_conversations_regressed_ratio");
const shortfall = (page: MetricsPage) => page.value("redisops_sequence_largest_shortfall_ids");
const success = (page: MetricsPage) => page.value("redisops_probe_success", { probe: "sequence" });

/** Conversations c1, c2, ... with so many messages each, by the library's ids, sent within the last minutes. */
async function converse(conversations: number, messages: number): Promise<void> {
  const rows = Array.from({ length: conversations }, (_, c) =>
    Array.from({ length: messages }, (_, m) => [`c${c + 1}`, sequenceId(m + 1, 1_700_000_000_000 + m).text]),
  ).flat();
  await database.admin.query(
    `INSERT INTO messages SELECT conversation, id, now() - random() * interval '5 minutes'
     FROM unnest($1::text[], $2::text[]) AS sent (conversation, id)`,
    [rows.map(([conversation]) => conversation), rows.map(([, id]) => id)],
  );
}

async function setCounters(conversations: number, value: (conversation: number) => string): Promise<void> {
  await withRedis(redis.port, (client) =>
    client
      .pipeline(Array.from({ length: conversations }, (_, c) => ["set", `seq:c${c + 1}`, value(c + 1)]))
      .exec(),
  );
}

describe("the sequence canary", { timeout: patience }, () => {
  it("rises for several exporters side by side, also through a reload", async () => {
    const exporters = await Promise.all([exporterOf(), exporterOf(), exporterOf()]);
    const looksOnce = await exporterOf();
    await looksOnce.scrape();
    await withRedis(redis.port, async (client) => {
      const key = await own(client);
      expect(await client.ttl(key)).toBeGreaterThan(0);
      expect(await client.ttl(key)).toBeLessThanOrEqual(600);
      await client.del(key);
    });
    for (let scrape = 0; scrape < 5; scrape++) {
      const pages = await Promise.all(exporters.map((exporter) => exporter.scrape()));
      expect(pages.map(canary)).toEqual([1, 1, 1]);
      expect(pages.map(regressions)).toEqual([0, 0, 0]);
      expect(pages.map(success)).toEqual([1, 1, 1]);
      expect(exporters.map(({ server }) => server.state.reload())).toEqual([undefined, undefined, undefined]);
    }
    const keys = await withRedis(redis.port, (client) => client.keys("redisops:sequence:*"));
    expect(keys.length).toBe(3);
    for (const key of keys) {
      expect(await withRedis(redis.port, (client) => client.ttl(key))).toBeGreaterThan(6 * 24 * 3600);
    }
  });

  it("is gone after a restart without data, also for one that learns of it after a reload", async () => {
    const exporter = await exporterOf();
    const reloaded = await exporterOf();
    await Promise.all([exporter.scrape(), reloaded.scrape()]);
    await redis.restart({ empty: true });
    reloaded.server.state.reload();
    for (const each of [exporter, reloaded]) {
      const lost = await each.scrape();
      expect(lost.verdict("sequence")).toBe("up");
      expect([canary(lost), regressions(lost), success(lost)]).toEqual([0, 1, 0]);
      const after = await each.scrape();
      expect([canary(after), regressions(after), success(after)]).toEqual([1, 1, 1]);
    }
  });

  it("is not held against the counts of other servers that a reload puts in their place", async () => {
    const others = await startRedis(workspace, { name: "others" });
    let moved = false;
    const load = () => {
      const role = { ...standalone(), ...(moved ? { address: `127.0.0.1:${others.port}` } : {}) };
      return parseConfig(stringify({ platform: "test", roles: { sequence: role } }), "test.yaml");
    };
    const exporter = await startExporter(workspace, {}, { load });
    for (let scrape = 0; scrape < 3; scrape++) expect(canary(await exporter.scrape())).toBe(1);
    moved = true;
    expect(exporter.server.state.reload()).toBeUndefined();
    for (let scrape = 0; scrape < 2; scrape++) {
      const page = await exporter.scrape();
      expect([canary(page), regressions(page), success(page)]).toEqual([1, 0, 1]);
    }
    await others.restart({ empty: true });
    expect(regressions(await exporter.scrape())).toBe(1);
    await others.stop();
  });

  it("is lower after a restart with an older snapshot, and says by how much", async () => {
    const exporter = await exporterOf();
    await exporter.scrape();
    await withRedis(redis.port, (client) => client.save());
    await exporter.scrape();
    await exporter.scrape();
    await redis.kill();
    const gone = await exporter.scrape();
    expect([canary(gone), regressions(gone)]).toEqual([0, 0]);
    await redis.restart({ empty: false });
    const { error, samples } = await exporter.result("sequence", "sequence");
    expect(error?.code).toBe("CANARY_WRONG");
    expect(error?.message).toContain("at 3 and went back to 1");
    expect(samples.find(({ metric }) => metric === "redisops_sequence_canary_regressions_total")?.value).toBe(
      1,
    );
    await redis.restart({ empty: true });
  });

  it("is gone on a server that evicts", async () => {
    const exporter = await exporterOf();
    await exporter.scrape();
    await withRedis(redis.port, async (client) => {
      await client.config("SET", "maxmemory-policy", "allkeys-random");
      await client.config("SET", "maxmemory", "8mb");
      for (let n = 0; (await client.exists(await own(client))) === 1; n++) {
        await client.set(`filler-${n}`, Buffer.alloc(100_000));
      }
    });
    const page = await exporter.scrape();
    expect(regressions(page)).toBe(1);
    await withRedis(redis.port, async (client) => {
      await client.config("SET", "maxmemory", "0");
      await client.config("SET", "maxmemory-policy", "noeviction");
    });
  });
});

let ownKey = "";
/** The exporter's canary on the server, as it was at first. */
async function own(client: { keys(pattern: string): Promise<string[]> }): Promise<string> {
  ownKey = (await client.keys("redisops:sequence:*"))[0] ?? ownKey;
  return ownKey;
}

describe("live counters", { timeout: patience }, () => {
  it("are at or above what Postgres has, or are counted as fallen behind, missing ones too", async () => {
    await converse(40, 12);
    await setCounters(40, (c) => (c <= 2 ? "7" : "12"));
    await withRedis(redis.port, (client) => client.del("seq:c3"));
    const page = await (await exporterOf()).scrape();
    const count = sampled(page) ?? 0;
    expect(count).toBeGreaterThan(10);
    expect(count).toBeLessThanOrEqual(40);
    expect(success(page)).toBe(1);
    // Each conversation is as likely as any other to be drawn; all that are behind are found with all of them sampled.
    expect(Math.round((behind(page) ?? 0) * count)).toBeLessThanOrEqual(3);
    await database.admin.query("DELETE FROM messages WHERE conversation_id NOT IN ('c1', 'c3', 'c4')");
    const few = await (await exporterOf()).scrape();
    expect([sampled(few), behind(few), shortfall(few)]).toEqual([3, 2 / 3, 12]);
  });

  it("fall behind with a restart of their server, while Postgres is away as well", async () => {
    await converse(10, 3);
    await setCounters(10, () => "3");
    const exporter = await exporterOf();
    const page = await exporter.scrape();
    const count = sampled(page) ?? 0;
    expect(count).toBeGreaterThan(4);
    expect([behind(page), shortfall(page), success(page)]).toEqual([0, 0, 1]);
    await redis.restart({ empty: true });
    database.server.pause();
    const lost = await exporter.scrape();
    database.server.resume();
    expect([sampled(lost), behind(lost), shortfall(lost)]).toEqual([count, 1, 3]);
  });

  it("are not held against ids that were given without them", async () => {
    await converse(2, 5);
    await setCounters(2, () => "5");
    await database.admin.query("INSERT INTO messages SELECT 'c1', $1 FROM generate_series(1, 5)", [
      timestampId(1_800_000_000_000, 17).text,
    ]);
    await database.admin.query("INSERT INTO messages VALUES ('only-clock', $1)", [
      timestampId(1_800_000_000_000, 18).text,
    ]);
    const page = await (await exporterOf()).scrape();
    expect([sampled(page), behind(page), shortfall(page)]).toEqual([2, 0, 0]);
  });

  it("can be integers in a table of another shape, which is read by its indexes", async () => {
    await database.admin.query(
      "INSERT INTO posts SELECT n % 5000, 1 + n / 5000, now() - n * interval '1 second' FROM generate_series(0, 59999) AS n",
    );
    await database.admin.query("ANALYZE posts");
    const scans = async () => {
      await database.admin.query("SELECT pg_stat_force_next_flush()");
      await database.admin.query("SELECT pg_stat_clear_snapshot()");
      const { rows } = await database.admin.query(
        "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'posts'",
      );
      return Number(rows[0].seq_scan);
    };
    const before = await scans();
    const columns = {
      table: "posts",
      conversation_column: "room",
      id_column: "place",
      created_at_column: "posted",
    };
    const exporter = await exporterOf({ messages: columns });
    const page = await exporter.scrape();
    expect(sampled(page)).toBeGreaterThan(25);
    expect([behind(page), success(page)]).toEqual([1, 1]);
    expect(shortfall(page)).toBe(12);
    await database.untilLeft();
    expect(await scans()).toBe(before);
  });

  it("that are no counters are left out and told of", async () => {
    await converse(3, 30);
    await setCounters(3, (c) => (c === 1 ? "a text" : "30"));
    await withRedis(redis.port, (client) => client.multi().del("seq:c2").lpush("seq:c2", "x").exec());
    const exporter = await exporterOf();
    const page = await exporter.scrape();
    expect([sampled(page), behind(page), success(page)]).toEqual([1, 0, 0]);
    const { error } = await exporter.result("sequence", "sequence");
    expect(error?.code).toBe("REDIS_ERROR");
    expect(error?.message).toContain("is no counter");
    expect(error?.message).not.toContain("c1");
  });

  it("are not judged without Postgres, and the canary is all the same", async () => {
    const address = `127.0.0.1:${await workspace.port()}`;
    const page = await (await exporterOf({ postgres: { address } })).scrape();
    expect([canary(page), success(page), sampled(page)]).toEqual([1, 0, undefined]);
  });

  it("raise no false alarm while messages are being sent", async () => {
    const client = new SequenceClient(standalone(), { metrics: new Registry(), deadlineMs: 10_000 });
    expect(await client.ready(30_000)).toBe(true);
    const connections = await Promise.all([1, 2, 3, 4].map(() => database.connect()));
    let sending = true;
    let sent = 0;
    const senders = connections.flatMap((connection, own) =>
      Array.from({ length: 4 }, async (_, lane) => {
        while (sending) {
          const conversation = `busy-${(own + lane) % 3}`;
          const { kind, text } = await client.next(conversation);
          expect(kind).toBe("sequence");
          await connection.query("INSERT INTO messages VALUES ($1, $2)", [conversation, text]);
          sent += 1;
        }
      }),
    );
    let compared = 0;
    let sentBetween = 0;
    try {
      for (let run = 0; run < 25; run++) {
        const before = sent;
        // A memory of its own, so that each run draws anew.
        const probes = new Probes(parseConfig(stringify({ platform: "test", ...parts() }), "test.yaml"));
        const results = await probes.runGroup("sequence", 10_000, "sequence");
        const samples = results.flatMap((result) => result.samples);
        const value = (metric: string) => samples.find((each) => each.metric === metric)?.value ?? 0;
        expect(value("redisops_sequence_largest_shortfall_ids")).toBe(0);
        compared += value("redisops_sequence_conversations_sampled");
        sentBetween += sent - before;
      }
    } finally {
      sending = false;
      await Promise.all(senders);
      client.close();
      await Promise.all(connections.map((connection) => connection.end()));
    }
    expect(compared).toBeGreaterThan(40);
    expect(sentBetween).toBeGreaterThan(25);
  });
});

describe("in a Redis Cluster", { timeout: patience }, () => {
  it("the shards that are left are measured when one is gone", async () => {
    const { nodes, addresses } = await startRedisCluster(workspace, { name: "node", shards: 3 });
    for (const { port } of nodes) {
      await withRedis(port, (client) => client.config("SET", "cluster-node-timeout", 600_000));
    }
    await converse(20, 4);
    let onSecond = 0;
    for (let c = 1; c <= 20; c++) {
      for (const [index, { port }] of nodes.entries()) {
        const reply = await withRedis(port, (client) => client.set(`seq:c${c}`, "4")).catch(() => "");
        if (reply === "OK" && index === 1) onSecond += 1;
      }
    }
    const exporter = await exporterOf({ role: { topology: "cluster", nodes: [...addresses] } });
    const whole = await exporter.scrape();
    expect([canary(whole), behind(whole), success(whole)]).toEqual([expect.closeTo(1, 6), 0, 1]);

    // Conversations that are on their way between shards are left out alone.
    const [from, to] = nodes;
    if (from === undefined || to === undefined) throw new Error("there are three nodes");
    const keys = await withRedis(from.port, (client) => client.keys("seq:*"));
    const whileAllOpen = async (
      [key, ...rest]: readonly string[],
      look: () => Promise<void>,
    ): Promise<void> => {
      if (key === undefined) return look();
      await moveSlots(from.port, to.port, [slotOf(key)], {
        whileOpen: async () => {
          await withRedis(from.port, (client) => client.migrate("127.0.0.1", to.port, key, 0, 5000));
          await whileAllOpen(rest, look);
        },
      });
    };
    await whileAllOpen(keys, async () => {
      const open = await exporter.scrape();
      expect([canary(open), behind(open), success(open)]).toEqual([expect.closeTo(1, 6), 0, 1]);
      expect(sampled(open)).toBeLessThan(sampled(whole) ?? 0);
      expect(sampled(open)).toBeGreaterThan(0);
    });
    await moveSlots(to.port, from.port, keys.map(slotOf));
    await exporter.scrapeUntil(
      "all nodes to agree again",
      (found) => found.value("redisops_cluster_views") === 1,
    );
    await nodes[1]?.server.kill();
    const page = await exporter.scrape();
    expect(canary(page)).toBeCloseTo(2 / 3, 3);
    expect([behind(page), success(page), regressions(page)]).toEqual([0, 0, 0]);
    const left = sampled(page) ?? 0;
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(sampled(whole) ?? 0);
    expect(left).toBeGreaterThanOrEqual((sampled(whole) ?? 0) - onSecond);

    nodes[0]?.server.pause();
    await frozen([nodes[0]?.server.pid ?? 0]);
    const hung = await exporter.scrape(3);
    nodes[0]?.server.resume();
    expect(canary(hung)).toBeCloseTo(1 / 3, 3);
    // Not empty: it would know no cluster.
    await nodes[1]?.server.restart({ empty: true });
    const back = await exporter.scrapeUntil(
      "the lost shard to be noticed",
      (found) => regressions(found) === 1,
    );
    expect(back.verdict("sequence")).toBe("up");
    expect(behind(await exporter.scrape())).toBeGreaterThan(0);
  });
});
