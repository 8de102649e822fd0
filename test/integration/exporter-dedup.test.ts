import { Registry } from "prom-client";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { BitmapFilter, bitmapKeys, layoutToMeta } from "../../core/filter/bitmap-filter.ts";
import { type BitmapLayout, bitmapLayout, bytesPerShard } from "../../core/filter/bitmap-layout.ts";
import { DedupClient } from "../../fallbacks/dedup/dedup-client.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { startReplica } from "../../lab/servers/redis-replica.ts";
import { startSentinels } from "../../lab/servers/sentinel.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { type Database, startDatabase } from "./exporter-database.ts";
import { startExporter } from "./exporter-harness.ts";
import type { MetricsPage } from "./exporter-page.ts";

const key = "{dedup:sent}";
const layout = bitmapLayout({ capacity: 20_000, errorRate: 0.01 });

let workspace: Workspace;
let database: Database;
let redis: RedisServer;

beforeAll(async () => {
  workspace = await createWorkspace("exporter-dedup");
  database = await startDatabase(workspace);
  redis = await startRedis(workspace, { name: "dedup" });
});

beforeEach(async () => {
  await withRedis(redis.port, (client) => client.flushall());
  await database.admin.query("TRUNCATE notifications");
});

afterAll(async () => {
  await workspace.close();
});

const at = (port: number) => `127.0.0.1:${port}`;

async function add(port: number, ids: readonly string[], shape: BitmapLayout = layout): Promise<void> {
  await withRedis(port, (client) => new BitmapFilter(client, "the test", key, shape).add(ids));
}

function exporterOf(role: object = { topology: "standalone", address: at(redis.port) }, capacity = 20_000) {
  const filter = { engine: "bitmap", key, capacity, error_rate: 0.01 };
  const postgres = database.section({ tables: { sent_notifications: {} } });
  return startExporter(workspace, {
    roles: { dedup: { ...role, filter } },
    postgres,
    exporter: { canary_ids: 1000 },
  });
}

const bloom = (page: MetricsPage, name: string) => page.value(`redisops_bloom_${name}`, { role: "dedup" });
const ofReplica = (page: MetricsPage, name: string, port: number) =>
  page.value(`redisops_bloom_replica_${name}`, { node: at(port) });
const success = (page: MetricsPage) => page.value("redisops_probe_success", { probe: "bloom" });
const ids = (count: number) => Array.from({ length: count }, (_, n) => `filler-${n}`);

describe("false positives", { timeout: patience }, () => {
  it("are measured, and are what the fill says", async () => {
    const exporter = await exporterOf();
    expect(bloom(await exporter.scrape(), "measured_false_positive_ratio")).toBe(0);
    await add(redis.port, ids(45_000));
    const page = await exporter.scrape();
    const estimated = bloom(page, "false_positive_ratio") ?? 0;
    expect(estimated).toBeGreaterThan(0.1);
    const standardError = Math.sqrt((estimated * (1 - estimated)) / 100);
    expect(Math.abs((bloom(page, "measured_false_positive_ratio") ?? 0) - estimated)).toBeLessThan(
      5 * standardError,
    );
  });

  it("are seen where the fill hides them: somebody fills one shard alone", async () => {
    // As many bits as a healthy filter has, but all in one of its two shards.
    const two: BitmapLayout = { ...layout, shards: 2 };
    await withRedis(redis.port, async (client) => {
      await client.hset(bitmapKeys.meta(key), layoutToMeta(two));
      await client.set(bitmapKeys.shard(key, 0), Buffer.alloc(bytesPerShard(two), 0xff));
    });
    const page = await (await exporterOf()).scrape();
    expect(bloom(page, "fill_ratio")).toBeCloseTo(0.5, 3);
    expect(bloom(page, "false_positive_ratio")).toBeLessThan(0.01);
    expect(bloom(page, "measured_false_positive_ratio")).toBeGreaterThan(0.25);
  });
});

describe("the filter’s age", { timeout: patience }, () => {
  it("is known of one that the library created, and of none that an older version did", async () => {
    const exporter = await exporterOf();
    expect(bloom(await exporter.scrape(), "created_timestamp_seconds")).toBeUndefined();
    const before = Date.now() / 1000;
    const client = new DedupClient(
      {
        topology: "standalone",
        address: at(redis.port),
        filter: { engine: "bitmap", key, capacity: 20_000 },
      },
      { metrics: new Registry(), deadlineMs: 10_000 },
    );
    expect(await client.ready(30_000)).toBe(true);
    expect(await client.checkAndAdd("n1")).toBe("new");
    const created = bloom(await exporter.scrape(), "created_timestamp_seconds") ?? 0;
    expect(created).toBeGreaterThan(before - 1);
    expect(created).toBeLessThan(Date.now() / 1000 + 1);
    expect(await client.checkAndAdd("n2")).toBe("new");
    expect(bloom(await exporter.scrape(), "created_timestamp_seconds")).toBe(created);

    await withRedis(redis.port, (admin) => admin.hdel(bitmapKeys.meta(key), "created_ms"));
    const page = await exporter.scrape();
    expect(success(page)).toBe(1);
    expect(bloom(page, "created_timestamp_seconds")).toBeUndefined();
    expect(await client.checkAndAdd("n1")).toBe("duplicate");
    client.close();
  });
});

describe("the filter’s replicas", { timeout: 2 * patience }, () => {
  it("are looked at one by one, so that a cold or hung one is seen before it is promoted", async () => {
    const sent = await database.send(2000);
    const primary = await startRedis(workspace, { name: "primary" });
    await add(primary.port, sent);
    const [good, cold, hung] = await Promise.all(
      ["good", "cold", "hung"].map((name) => startReplica(workspace, primary, { name })),
    );
    if (good === undefined || cold === undefined || hung === undefined) throw new Error("three replicas");
    const sentinels = await startSentinels(workspace, { name: "sentinel", primary, primaryName: "sent" });
    const role = { topology: "sentinel", sentinels: [...sentinels.addresses], primary: "sent" };
    const exporter = await exporterOf(role);
    const healthy = await exporter.scrape();
    expect(success(healthy)).toBe(1);
    const fill = bloom(healthy, "fill_ratio") ?? 0;
    expect(fill).toBeGreaterThan(0);
    for (const { port } of [good, cold, hung]) {
      expect(ofReplica(healthy, "readable", port)).toBe(1);
      expect(ofReplica(healthy, "fill_ratio", port)).toBe(fill);
      expect(ofReplica(healthy, "canary_absent_ratio", port)).toBe(0);
    }

    await withRedis(cold.port, async (client) => {
      await client.config("SET", "replica-read-only", "no");
      await client.del(bitmapKeys.shard(key, 0), bitmapKeys.meta(key));
    });
    hung.pause();
    await frozen([hung.pid]);
    const page = await exporter.scrape();
    hung.resume();
    expect(success(page)).toBe(0);
    expect([bloom(page, "readable"), bloom(page, "canary_absent_ratio"), bloom(page, "fill_ratio")]).toEqual([
      1,
      0,
      fill,
    ]);
    expect(ofReplica(page, "canary_absent_ratio", good.port)).toBe(0);
    expect([
      ofReplica(page, "canary_absent_ratio", cold.port),
      ofReplica(page, "fill_ratio", cold.port),
    ]).toEqual([1, 0]);
    expect([ofReplica(page, "readable", hung.port), ofReplica(page, "fill_ratio", hung.port)]).toEqual([
      0,
      undefined,
    ]);

    // Only the cold one is left to be promoted.
    await good.kill();
    await hung.kill();
    await primary.kill();
    for (const { port } of sentinels.servers) {
      await withRedis(port, (client) =>
        client.call("SENTINEL", "SET", "sent", "down-after-milliseconds", "1000"),
      );
    }
    await waitUntil(async () => (await sentinels.primaryAddress()).port === cold.port, {
      what: "the cold replica to be promoted",
      deadlineMs: patience,
    });
    const promoted = await exporter.scrapeUntil(
      "the cold filter to be the filter",
      (found) => bloom(found, "canary_absent_ratio") === 1,
    );
    expect(promoted.verdict("dedup")).toBe("up");
    // The dead ones are known to be dead and no longer asked.
    const settled = await exporter.scrapeUntil("the dead to be left out", (found) => success(found) === 1);
    expect(settled.all("redisops_bloom_replica_readable")).toEqual([]);
  });

  it("are found through a standalone primary as well", async () => {
    const sent = await database.send(500);
    const replica = await startReplica(workspace, redis, { name: "replica" });
    await add(redis.port, sent);
    const exporter = await exporterOf();
    const page = await exporter.scrapeUntil(
      "the replica to have all",
      (found) => ofReplica(found, "canary_absent_ratio", replica.port) === 0,
    );
    expect(ofReplica(page, "fill_ratio", replica.port)).toBe(bloom(page, "fill_ratio"));
    // As behind one translated address.
    const twin = await startReplica(workspace, redis, { name: "twin" });
    await withRedis(twin.port, async (client) => {
      await client.config("SET", "replica-announce-port", replica.port);
      await client.call("REPLICAOF", "NO", "ONE");
      await client.call("REPLICAOF", "127.0.0.1", redis.port);
    });
    await withRedis(redis.port, (client) =>
      waitUntil(
        async () =>
          (await client.info("replication")).split(`port=${replica.port},state=online`).length === 3,
        { what: "both replicas to have one address", deadlineMs: patience },
      ),
    );
    expect(ofReplica(await exporter.scrape(), "readable", replica.port)).toBe(1);
    await twin.kill();
    await replica.kill();
    await exporter.scrapeUntil(
      "the replica to be forgotten",
      (found) => found.all("redisops_bloom_replica_readable").length === 0 && success(found) === 1,
    );
  });
});

describe("a filter of half a gigabyte", { timeout: 2 * patience }, () => {
  it("is sampled: no command of a scrape reads more than a window", async () => {
    const huge = bitmapLayout({ capacity: 450_000_000, errorRate: 0.01 });
    expect(huge.shards * bytesPerShard(huge)).toBeGreaterThan(512 * 2 ** 20);
    // The same random megabyte over and over, each of its bits set with a probability of a quarter.
    const block = Buffer.alloc(2 ** 20);
    for (let at = 0; at < block.length; at++) block[at] = Math.random() * 256;
    for (let at = 0; at < block.length; at++) block[at] = (block[at] ?? 0) & (Math.random() * 256);
    const shard = Buffer.alloc(bytesPerShard(huge));
    for (let at = 0; at < shard.length; at += block.length) block.copy(shard, at);
    let setBits = 0;
    for (const byte of shard) setBits += bitsIn[byte] ?? 0;
    const exact = setBits / (shard.length * 8);
    await withRedis(redis.port, async (client) => {
      await client.hset(bitmapKeys.meta(key), layoutToMeta(huge));
      for (let n = 0; n < huge.shards; n++) await client.set(bitmapKeys.shard(key, n), shard);
      await client.config("SET", "slowlog-log-slower-than", 0);
      await client.config("SET", "slowlog-max-len", 10_000);
      await client.config("RESETSTAT");
      await client.call("SLOWLOG", "RESET");
    });
    const sent = await database.send(100);
    expect(sent.length).toBe(100);
    const page = await (await exporterOf(undefined, huge.capacity)).scrape();
    const log = await withRedis(redis.port, (client) => client.call("SLOWLOG", "GET", "10000"));
    const stats = await withRedis(redis.port, (client) => client.info("commandstats"));
    await withRedis(redis.port, (client) => client.config("SET", "slowlog-log-slower-than", 10_000));
    expect(success(page)).toBe(1);
    expect(bloom(page, "size_bytes")).toBe(huge.shards * bytesPerShard(huge));
    const error = bloom(page, "fill_standard_error_ratio") ?? 0;
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThan(0.001);
    expect(Math.abs((bloom(page, "fill_ratio") ?? 0) - exact)).toBeLessThan(5 * error);

    const commands = (log as [number, number, number, string[]][]).map(([, , , words]) => words);
    const counted = commands.filter(([name]) => name?.toLowerCase() === "bitcount");
    expect(counted.length).toBe(64);
    for (const [, , from, to] of counted) expect(Number(to) - Number(from)).toBe(4095);
    expect(/cmdstat_bitcount:calls=(\d+)/.exec(stats)?.[1]).toBe("64");
    const whole = /^(?:get|getrange|bitpos|bitop|dump|scan|sscan|keys|debug|memory)$/i;
    expect(commands.map(([name]) => name ?? "").filter((name) => whole.test(name))).toEqual([]);
  });
});

const bitsIn = Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll("0", "").length);
