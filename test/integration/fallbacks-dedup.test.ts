import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { BitmapFilter, bitmapKeys, configuredLayout, layoutToMeta } from "../../core/filter/bitmap-filter.ts";
import { bitmapLayout } from "../../core/filter/bitmap-layout.ts";
import type { DedupFilter } from "../../fallbacks/dedup/dedup-client.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { bloomModule, dedupTraffic, ids, timesSent } from "./fallbacks/dedup-traffic.ts";

const key = "{dedup}";
/** So precise that no id of these tests is taken for another one. */
const capacity = 20_000;
const errorRate = 0.000001;

let workspace: Workspace;
let redis: RedisServer;

beforeAll(async () => {
  workspace = await createWorkspace("dedup");
  const load = bloomModule();
  redis = await startRedis(workspace, { name: "redis", config: load === undefined ? [] : [load] });
});

beforeEach(async () => {
  await withRedis(redis.port, (client) => client.flushall());
});

afterAll(async () => {
  await workspace.close();
});

const connection = () => ({ topology: "standalone" as const, address: `127.0.0.1:${redis.port}` });
const bitmap: DedupFilter = { engine: "bitmap", key, capacity, error_rate: errorRate };
const redisbloom: DedupFilter = { ...bitmap, engine: "redisbloom" };
const traffic = (filter: DedupFilter) => dedupTraffic(workspace, { ...connection(), filter });

function behavesAsFilter(filter: DedupFilter): void {
  it("knows each id from the second time on, for all processes", async () => {
    const [one, other] = [await traffic(filter), await traffic(filter)];
    const all = ids("msg", 2_000);
    expect(new Set(await one.send(all))).toEqual(new Set(["new"]));
    expect(new Set(await other.send(all))).toEqual(new Set(["duplicate"]));
    expect(timesSent(one, all)).toEqual({ 1: 2_000 });
    expect(timesSent(other, all)).toEqual({ 0: 2_000 });
    const role = { role: "dedup" };
    expect((await one.page()).value("redisops_duplicates_suppressed_total", role)).toBe(0);
    const page = await other.page();
    expect(page.value("redisops_duplicates_suppressed_total", role)).toBe(2_000);
    expect(page.value("redisops_decisions_total", role)).toBe(2_000);
    expect(page.value("redisops_decisions_degraded_total", { ...role, fallback: "skip_dedup" })).toBe(0);
  });

  it("lets exactly one of many workers send an id that all of them have at the same moment", async () => {
    const workers = [await traffic(filter), await traffic(filter), await traffic(filter)];
    const all = ids("race", 500);
    const verdicts = await Promise.all(workers.map((worker) => worker.send(all)));
    for (const [index] of all.entries()) {
      const said = verdicts.map((own) => own[index]).sort();
      expect(said).toEqual(["duplicate", "duplicate", "new"]);
    }
  });

  it("does not turn a redelivery into a miss", async () => {
    const worker = await traffic(filter);
    const all = ids("redelivered", 50);
    // The worker that checked these died before it sent them.
    await worker.client.checkAndAdd("redelivered-0");
    expect(await worker.send(["redelivered-0"], { redelivered: true })).toEqual(["unknown"]);
    expect(new Set(await worker.send(all.slice(1), { redelivered: true }))).toEqual(new Set(["new"]));
    expect(timesSent(worker, all)).toEqual({ 1: 50 });
    const page = await worker.page();
    const degraded = page.value("redisops_decisions_degraded_total", {
      role: "dedup",
      fallback: "skip_dedup",
    });
    expect(degraded).toBe(0);
    expect(page.value("redisops_duplicates_suppressed_total", { role: "dedup" })).toBe(0);
  });

  it("answers a key of another type with a skipped check, at every check", async () => {
    const worker = await traffic(filter);
    const foreign = filter.engine === "bitmap" ? bitmapKeys.meta(key) : key;
    await withRedis(redis.port, (client) => client.lpush(foreign, "a list"));
    expect(await worker.send(["msg", "msg", "msg"])).toEqual(["unknown", "unknown", "unknown"]);
    const page = await worker.page();
    // The server is well: nothing is kept away from it.
    expect(page.value("redisops_breakers_open", { role: "dedup" })).toBe(0);
    const other = { role: "dedup", error_class: "other" };
    expect(page.value("redisops_store_failures_total", other)).toBe(3);
    await withRedis(redis.port, (client) => client.del(foreign));
    expect(await worker.send(["msg"])).toEqual(["new"]);
  });
}

describe("dedup on the bitmap engine", { timeout: patience }, () => {
  behavesAsFilter(bitmap);

  it("creates a filter that every reader understands", async () => {
    const worker = await traffic(bitmap);
    await worker.send(ids("msg", 1_000));
    await withRedis(redis.port, async (client) => {
      // A reader with another configuration goes by the meta hash.
      const reader = new BitmapFilter(client, "dedup", key, bitmapLayout({ capacity: 500, errorRate: 0.1 }));
      expect(await reader.layout()).toEqual(configuredLayout({ ...bitmap, key, error_rate: errorRate }));
      expect(await reader.has(ids("msg", 1_000))).toEqual(new Array(1_000).fill(true));
      expect(await reader.has(ids("other", 1_000))).toEqual(new Array(1_000).fill(false));
      expect(await reader.state()).toMatchObject({ exists: true, capacity, sizeBytes: 71_888 });
    });
  });

  it("spreads a filter of several shards as every reader expects", async () => {
    const filter: DedupFilter = { ...bitmap, capacity: 40_000_000 };
    const worker = await traffic(filter);
    await worker.send(ids("msg", 40));
    await withRedis(redis.port, async (client) => {
      const layout = configuredLayout({ ...filter, key, error_rate: errorRate });
      expect(layout.shards).toBe(3);
      const lengths = [0, 1, 2].map((shard) => client.strlen(bitmapKeys.shard(key, shard)));
      expect(await Promise.all(lengths)).toEqual(new Array(3).fill(layout.bitsPerShard / 8));
      const reader = new BitmapFilter(client, "dedup", key, layout);
      expect(await reader.has(ids("msg", 40))).toEqual(new Array(40).fill(true));
    });
    expect(new Set(await worker.send(ids("msg", 40)))).toEqual(new Set(["duplicate"]));
  });

  it("follows a recovery that puts a filter of another shape in place, and one that goes away again", async () => {
    const worker = await traffic(bitmap);
    const before = ids("before", 500);
    await worker.send(before);
    const other = bitmapLayout({ capacity: 100_000, errorRate });
    await withRedis(redis.port, async (client) => {
      const shadow = new BitmapFilter(client, "dedup", "{dedup}:shadow", other);
      await shadow.add(before);
      await client
        .multi()
        .rename(bitmapKeys.shard("{dedup}:shadow", 0), bitmapKeys.shard(key, 0))
        .hset(bitmapKeys.meta(key), layoutToMeta(other))
        .exec();
    });
    expect(new Set(await worker.send(before))).toEqual(new Set(["duplicate"]));
    const after = ids("after", 500);
    expect(new Set(await worker.send(after))).toEqual(new Set(["new"]));
    expect(new Set(await (await traffic(bitmap)).send(after))).toEqual(new Set(["duplicate"]));

    await withRedis(redis.port, (client) => client.flushall());
    expect(new Set(await worker.send(after))).toEqual(new Set(["new"]));
    await withRedis(redis.port, async (client) => {
      const reader = new BitmapFilter(client, "dedup", key, other);
      expect(await reader.layout()).toMatchObject({ capacity });
    });
  });

  it("adopts a filter without a meta hash, and leaves one of another shape alone", async () => {
    const layout = configuredLayout({ ...bitmap, key, error_rate: errorRate });
    const worker = await traffic(bitmap);
    await withRedis(redis.port, (client) => new BitmapFilter(client, "dedup", key, layout).add(["known"]));
    expect(await worker.send(["known", "other"])).toEqual(["duplicate", "new"]);

    const longer = bitmapLayout({ capacity: capacity * 2, errorRate });
    await withRedis(redis.port, async (client) => {
      await client.flushall();
      await client.setbit(bitmapKeys.shard(key, 0), longer.bitsPerShard - 1, 1);
    });
    expect(await worker.send(["known", "other"])).toEqual(["unknown", "unknown"]);
    expect(await withRedis(redis.port, (client) => client.bitcount(bitmapKeys.shard(key, 0)))).toBe(1);
    expect(await withRedis(redis.port, (client) => client.exists(bitmapKeys.meta(key)))).toBe(0);
  });

  it("skips the check when the meta hash describes nothing, without avoiding the server", async () => {
    const worker = await traffic(bitmap);
    await withRedis(redis.port, (client) => client.hset(bitmapKeys.meta(key), { version: "2", hashes: "7" }));
    expect(new Set(await worker.send(ids("msg", 20)))).toEqual(new Set(["unknown"]));
    const page = await worker.page();
    expect(page.value("redisops_breakers_open", { role: "dedup" })).toBe(0);
    const other = { role: "dedup", error_class: "other" };
    expect(page.value("redisops_store_failures_total", other)).toBe(20);
  });
});

describe.skipIf(bloomModule() === undefined)("dedup on a live RedisBloom", { timeout: patience }, () => {
  behavesAsFilter(redisbloom);

  it("creates the filter with the configured shape, not with the module’s own for 100 ids", async () => {
    const worker = await traffic(redisbloom);
    const all = ids("msg", 5_000);
    await worker.send(all);
    const info = await withRedis(redis.port, (client) => client.call("BF.INFO", key));
    const facts = new Map(
      (info as unknown[]).flatMap((name, index, list) => (index % 2 === 0 ? [[name, list[index + 1]]] : [])),
    );
    expect(facts.get("Capacity")).toBe(capacity);
    expect(facts.get("Number of filters")).toBe(1);
    expect(facts.get("Number of items inserted")).toBe(5_000);
  });

  it("skips the check when a filter that may not grow is full", async () => {
    const worker = await traffic(redisbloom);
    await withRedis(redis.port, (client) => client.call("BF.RESERVE", key, 0.01, 10, "NONSCALING"));
    const verdicts = await worker.send(ids("msg", 50));
    expect(verdicts.filter((said) => said === "unknown").length).toBeGreaterThan(30);
    expect((await worker.page()).value("redisops_breakers_open", { role: "dedup" })).toBe(0);
  });
});
