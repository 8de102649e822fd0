import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { BitmapBuilder } from "../../core/filter/bitmap-builder.ts";
import { BitmapFilter, bitmapKeys, layoutToMeta } from "../../core/filter/bitmap-filter.ts";
import { type BitmapLayout, bitmapLayout } from "../../core/filter/bitmap-layout.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { type Database, startDatabase } from "./exporter-database.ts";
import { secretFile, startExporter } from "./exporter-harness.ts";
import type { MetricsPage } from "./exporter-page.ts";

const key = "{dedup:sent}";
const sentCount = 10_000;
const layout = bitmapLayout({ capacity: 20_000, errorRate: 0.01 });

let workspace: Workspace;
let database: Database;
let redis: RedisServer;
let sent: readonly string[];

beforeAll(async () => {
  workspace = await createWorkspace("exporter");
  database = await startDatabase(workspace);
  redis = await startRedis(workspace, { name: "dedup" });
});

beforeEach(async () => {
  await withRedis(redis.port, (client) => client.flushall());
  await database.admin.query("TRUNCATE notifications");
  sent = await database.send(sentCount);
});

afterEach(() => {
  vi.useRealTimers();
});

afterAll(async () => {
  await workspace.close();
});

async function add(ids: readonly string[]): Promise<void> {
  await withRedis(redis.port, (client) => new BitmapFilter(client, "the test", key, layout).add(ids));
}

function exporterOf({
  postgres = database.section({ tables: { sent_notifications: {} } }),
  filter = {},
  role = {},
}: {
  postgres?: object;
  filter?: object;
  role?: object;
} = {}) {
  const dedup = {
    topology: "standalone",
    address: `127.0.0.1:${redis.port}`,
    ...role,
    filter: { engine: "bitmap", key, capacity: layout.capacity, error_rate: layout.errorRate, ...filter },
  };
  return startExporter(workspace, { roles: { dedup }, postgres, exporter: { canary_ids: 1000 } });
}

const bloom = (page: MetricsPage, name: string) =>
  page.value(`redisops_bloom_${name}`, { role: "dedup" }) ?? Number.NaN;
const success = (page: MetricsPage) => page.value("redisops_probe_success", { probe: "bloom" });

/** Lets the exporter believe that its sample of known-sent ids is old. */
function ageSample(): void {
  const later = Date.now() + 31_000;
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(later);
}

describe("the filter probe on a bitmap", { timeout: patience }, () => {
  it("sees a filter that is not there", async () => {
    const page = await (await exporterOf()).scrape();
    expect(success(page)).toBe(1);
    expect(bloom(page, "size_bytes")).toBe(0);
    expect(bloom(page, "fill_ratio")).toBe(0);
    expect(bloom(page, "estimated_ids")).toBe(0);
    expect(bloom(page, "capacity_ids")).toBe(20_000);
    expect(bloom(page, "target_false_positive_ratio")).toBe(0.01);
    expect(bloom(page, "canary_ids")).toBe(1000);
    expect(bloom(page, "canary_absent_ratio")).toBe(1);
  });

  it("sees a complete filter, and one that forgot everything or half of it", async () => {
    await add(sent);
    const exporter = await exporterOf();
    const full = await exporter.scrape();
    expect(success(full)).toBe(1);
    expect(bloom(full, "size_bytes")).toBeGreaterThan((layout.bitsPerShard / 8) * 0.99);
    expect(bloom(full, "fill_standard_error_ratio")).toBe(0);
    expect(bloom(full, "estimated_ids") / sentCount).toBeCloseTo(1, 1);
    expect(bloom(full, "fill_ratio")).toBeCloseTo(
      1 - Math.exp((-layout.hashes * sentCount) / layout.bitsPerShard),
      2,
    );
    expect(bloom(full, "false_positive_ratio")).toBeLessThan(0.001);
    expect(bloom(full, "canary_absent_ratio")).toBe(0);

    await redis.restart({ empty: true });
    const empty = await exporter.scrape();
    expect(empty.verdict("dedup")).toBe("up");
    expect(bloom(empty, "canary_absent_ratio")).toBe(1);
    expect(bloom(empty, "size_bytes")).toBe(0);

    await add(sent.filter((_, index) => index % 2 === 0));
    const half = await exporter.scrape();
    expect(bloom(half, "canary_absent_ratio")).toBeGreaterThan(0.4);
    expect(bloom(half, "canary_absent_ratio")).toBeLessThan(0.6);
    expect(bloom(half, "estimated_ids") / sentCount).toBeCloseTo(0.5, 1);
  });

  it("estimates the fill of a large filter from windows, with an honest standard error", async () => {
    const large = bitmapLayout({ capacity: 2_000_000, errorRate: 0.01 });
    const exact = await loadLarge(large, 500_000);
    const page = await (await exporterOf({ filter: { capacity: large.capacity } })).scrape();
    const standardError = bloom(page, "fill_standard_error_ratio");
    expect(standardError).toBeGreaterThan(0);
    expect(standardError).toBeLessThan(0.005);
    expect(Math.abs(bloom(page, "fill_ratio") - exact)).toBeLessThan(5 * standardError);
    expect(bloom(page, "estimated_ids") / 500_000).toBeCloseTo(1, 1);
    expect(bloom(page, "size_bytes")).toBe(large.bitsPerShard / 8);
  });

  it("says that a key holds something else", async () => {
    await withRedis(redis.port, (client) => client.lpush(bitmapKeys.shard(key, 0), "a list"));
    const exporter = await exporterOf();
    const page = await exporter.scrape();
    expect(success(page)).toBe(0);
    expect(page.verdict("dedup")).toBe("up");
    expect(bloom(page, "readable")).toBe(0);
    expect(page.all("redisops_bloom_fill_ratio")).toEqual([]);
    const { error } = await exporter.result("bloom", "dedup");
    expect(error?.code).toBe("FILTER_WRONG_TYPE");
    expect(error?.message).toContain(`dedup Redis at 127.0.0.1:${redis.port}`);
  });

  it("says that the server has no BF commands and names the other engine", async () => {
    const exporter = await exporterOf({ filter: { engine: "redisbloom" } });
    const page = await exporter.scrape();
    expect(success(page)).toBe(0);
    expect(page.verdict("dedup")).toBe("up");
    expect(bloom(page, "readable")).toBe(0);
    const { error } = await exporter.result("bloom", "dedup");
    expect(error?.code).toBe("FILTER_ENGINE_UNSUPPORTED");
    expect(error?.message).toContain(`127.0.0.1:${redis.port}`);
    expect(error?.next).toMatch(/filter\.engine to bitmap/);
  });

  it("is readable while there is nothing in it, and not when the ACL forbids its commands", async () => {
    expect(bloom(await (await exporterOf()).scrape(), "readable")).toBe(1);
    const secret = "password-of-the-acl-user";
    await withRedis(redis.port, (client) =>
      client.call("ACL", "SETUSER", "narrow", "on", `>${secret}`, "~*", "-@all", "+exists", "+set"),
    );
    const password = await secretFile(workspace, secret);
    const exporter = await exporterOf({ role: { username: "narrow", password } });
    const page = await exporter.scrape();
    expect(page.verdict("dedup")).toBe("up");
    expect(bloom(page, "readable")).toBe(0);
    expect((await exporter.result("bloom", "dedup")).error?.code).toBe("REDIS_AUTH");
  });

  it("is not readable when the server is away", async () => {
    await redis.stop();
    const page = await (await exporterOf()).scrape();
    await redis.restart({ empty: true });
    expect(page.verdict("dedup")).toBe("refused");
    expect(bloom(page, "readable")).toBe(0);
  });
});

describe("the filter probe's known-sent ids", { timeout: patience }, () => {
  it("are drawn anew after a while", async () => {
    await add(sent);
    const exporter = await exporterOf();
    expect(bloom(await exporter.scrape(), "canary_absent_ratio")).toBe(0);
    await database.admin.query("TRUNCATE notifications");
    await database.send(500, "not-in-the-filter");
    expect(bloom(await exporter.scrape(), "canary_absent_ratio")).toBe(0);
    ageSample();
    expect(bloom(await exporter.scrape(), "canary_absent_ratio")).toBeGreaterThan(0.9);
  });

  it("stay in use while Postgres is away", async () => {
    await add(sent);
    const exporter = await exporterOf();
    await exporter.scrape();
    ageSample();
    database.server.pause();
    try {
      const page = await exporter.scrape();
      expect(page.verdict("postgres")).toBe("timeout");
      expect(success(page)).toBe(1);
      expect(bloom(page, "canary_ids")).toBe(1000);
      expect(bloom(page, "canary_absent_ratio")).toBe(0);
    } finally {
      database.server.resume();
    }
  });

  it("are missing when Postgres was never there, and the fill is reported all the same", async () => {
    await add(sent);
    const address = `127.0.0.1:${await workspace.port()}`;
    const exporter = await exporterOf({
      postgres: database.section({ address, tables: { sent_notifications: {} } }),
    });
    const page = await exporter.scrape();
    expect(page.verdict("dedup")).toBe("up");
    expect(bloom(page, "readable")).toBe(1);
    expect(bloom(page, "estimated_ids") / sentCount).toBeCloseTo(1, 1);
    expect(page.all("redisops_bloom_canary_ids")).toEqual([]);
    expect(page.all("redisops_bloom_canary_absent_ratio")).toEqual([]);
    expect(success(page)).toBe(0);
    const { error } = await exporter.result("bloom", "dedup");
    expect(error?.code).toBe("POSTGRES_REFUSED");
    expect(error?.message).toContain(address);
  });

  it("are told apart: one id is one, however often it is drawn", async () => {
    await database.admin.query("TRUNCATE notifications");
    await database.send(1);
    const page = await (await exporterOf()).scrape();
    expect(bloom(page, "canary_ids")).toBe(1);
    expect(bloom(page, "canary_absent_ratio")).toBe(1);
  });

  it("count the one that follows a quiet gap once", async () => {
    await database.admin.query("TRUNCATE notifications");
    const { rows } = await database.admin.query<{ id: string }>(
      `INSERT INTO notifications
       SELECT 'evening-' || n, now() - interval '15 hours' - n * interval '1 second' FROM generate_series(1, 20000) AS n
       RETURNING id`,
    );
    await add(rows.map(({ id }) => id));
    await database.admin.query(
      "INSERT INTO notifications VALUES ('absent', now() - interval '15 hours' + interval '14 hours')",
    );
    const page = await (await exporterOf()).scrape();
    expect(bloom(page, "canary_ids")).toBeGreaterThan(100);
    expect(bloom(page, "canary_absent_ratio")).toBeLessThan(0.02);
  });

  it("are none when nothing was sent, which is no loss", async () => {
    await database.admin.query("TRUNCATE notifications");
    const page = await (await exporterOf()).scrape();
    expect(success(page)).toBe(1);
    expect(bloom(page, "canary_ids")).toBe(0);
    expect(page.all("redisops_bloom_canary_absent_ratio")).toEqual([]);
  });
});

/** Puts a filter with so many ids into Redis. Returns the exact share of its bits that are set. */
async function loadLarge(large: BitmapLayout, ids: number): Promise<number> {
  const builder = new BitmapBuilder(large);
  for (let n = 0; n < ids; n++) {
    const id = Buffer.from(`id-${n}`);
    builder.addRange(id, 0, id.length);
  }
  return withRedis(redis.port, async (client) => {
    await client.hset(bitmapKeys.meta(key), layoutToMeta(large));
    await client.set(bitmapKeys.shard(key, 0), Buffer.from(builder.shards[0] ?? []));
    return (await client.bitcount(bitmapKeys.shard(key, 0))) / large.bitsPerShard;
  });
}
