import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
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
  workspace = await createWorkspace("exporter");
  database = await startDatabase(workspace);
  redis = await startRedis(workspace, { name: "registry" });
});

beforeEach(async () => {
  await withRedis(redis.port, (client) => client.flushall());
  await database.admin.query("TRUNCATE pending_deliveries");
});

afterAll(async () => {
  await workspace.close();
});

/** One waiting message for each user; user n waits for n minutes longer than `minutes`. */
async function wait(users: number, minutes: number): Promise<void> {
  await database.admin.query(
    `INSERT INTO pending_deliveries
     SELECT gen_random_uuid()::text, 'user-' || n, now() - make_interval(mins => $2 + n) FROM generate_series(1, $1::int) AS n`,
    [users, minutes],
  );
}

/** So many waiting messages of each of 100 users, spread over the ages of the span (a Postgres interval each). */
async function spread(prefix: string, rows: number, youngest: string, oldest: string): Promise<void> {
  await database.admin.query(
    `INSERT INTO pending_deliveries
     SELECT gen_random_uuid()::text, $1 || '-' || n % 100,
            now() - $3::interval - ($4::interval - $3::interval) * (n::float8 / $2::int)
     FROM generate_series(1, $2::int) AS n`,
    [prefix, rows, youngest, oldest],
  );
}

const comeOnline = (prefix: string) =>
  withRedis(redis.port, async (client) => {
    for (let user = 0; user < 100; user++) await client.set(`conn:${prefix}-${user}`, "server-1");
  });

const registry = () => ({ topology: "standalone", address: `127.0.0.1:${redis.port}` });

function exporterOf(role: object | undefined = registry(), more: object = {}) {
  const postgres = database.section({ tables: { pending_deliveries: {} } });
  return startExporter(workspace, { postgres, roles: role === undefined ? {} : { registry: role }, ...more });
}

const success = (page: MetricsPage) => page.value("redisops_probe_success", { probe: "pending_deliveries" });
const depth = (page: MetricsPage) => page.value("redisops_pending_deliveries", { role: "registry" });
const oldest = (page: MetricsPage) =>
  page.value("redisops_pending_deliveries_oldest_timestamp_seconds", { role: "registry" });
const deliverable = (page: MetricsPage) =>
  page.value("redisops_pending_deliveries_deliverable_ratio", { role: "registry" });

describe("the pending deliveries probe", { timeout: patience }, () => {
  it("reports an empty table as nothing waiting, without an oldest row", async () => {
    const exporter = await exporterOf();
    const empty = await exporter.scrape();
    expect(success(empty)).toBe(1);
    expect(depth(empty)).toBe(0);
    expect(oldest(empty)).toBeUndefined();
    expect(deliverable(empty)).toBe(0);

    await wait(1, 5);
    expect(oldest(await exporter.scrape())).toBeDefined();
    await database.admin.query("TRUNCATE pending_deliveries");
    expect(oldest(await exporter.scrape())).toBeUndefined();
  });

  it("reports depth, the oldest row's time and the share that could be delivered", async () => {
    await wait(100, 10);
    const exporter = await exporterOf();
    const offline = await exporter.scrape();
    expect(depth(offline)).toBe(100);
    const { rows } = await database.admin.query<{ oldest: number }>(
      "SELECT extract(epoch FROM min(created_at))::float8 AS oldest FROM pending_deliveries",
    );
    expect(oldest(offline)).toBeCloseTo(rows[0]?.oldest ?? 0, 3);
    expect(deliverable(offline)).toBe(0);

    await withRedis(redis.port, async (client) => {
      for (let user = 1; user <= 100; user += 2) await client.set(`conn:user-${user}`, "server-1");
    });
    const half = deliverable(await exporter.scrape());
    expect(half).toBeGreaterThan(0.25);
    expect(half).toBeLessThan(0.75);

    await withRedis(redis.port, async (client) => {
      for (let user = 2; user <= 100; user += 2) await client.set(`conn:user-${user}`, "server-1");
    });
    expect(deliverable(await exporter.scrape())).toBe(1);
  });

  it("sees a backlog of half an hour among what offline people left over weeks", async () => {
    await spread("offline", 20_000, "1 minute", "30 days");
    const exporter = await exporterOf();
    expect(deliverable(await exporter.scrape())).toBe(0);
    await spread("online", 2000, "2 minutes", "30 minutes");
    await comeOnline("online");
    expect(deliverable(await exporter.scrape())).toBeGreaterThan(0.8);
  });

  it.each([
    ["10 days", "20 days"],
    ["2 days", "6 days"],
    ["7 hours", "23 hours"],
    ["2 hours", "5 hours"],
    ["15 minutes", "50 minutes"],
    ["2 minutes", "9 minutes"],
  ])("sees a backlog between %s and %s old", async (youngest, oldest) => {
    await spread("online", 50, youngest, oldest);
    await comeOnline("online");
    expect(deliverable(await (await exporterOf()).scrape())).toBe(1);
  });

  it("takes a handful of rows for no backlog, however often they are drawn", async () => {
    await spread("online", 3, "5 minutes", "9 minutes");
    await comeOnline("online");
    const page = await (await exporterOf()).scrape();
    expect(depth(page)).toBe(3);
    expect(deliverable(page)).toBe(0);
  });

  it("takes the keys' pattern from the configuration and leaves out what has just arrived", async () => {
    await wait(50, 5);
    await database.admin.query(
      "INSERT INTO pending_deliveries SELECT 'new-' || n, 'user-new', now() FROM generate_series(1, 500) AS n",
    );
    await withRedis(redis.port, (client) => client.set("live/{user-new}", "server-1"));
    const exporter = await exporterOf({ ...registry(), key: "live/{{user_id}}" });
    const page = await exporter.scrape();
    expect(depth(page)).toBe(550);
    expect(deliverable(page)).toBe(0);
  });

  it("counts up to its bound", async () => {
    await wait(1500, 1);
    const page = await (await exporterOf(registry(), { exporter: { pending_count_limit: 1000 } })).scrape();
    expect(depth(page)).toBe(1000);
  });

  it("reports depth and age while the registry is down or hangs, but no share", async () => {
    await wait(10, 5);
    const exporter = await exporterOf();
    const check = async (code: string) => {
      const page = await exporter.scrape();
      expect(success(page)).toBe(0);
      expect(depth(page)).toBe(10);
      expect(oldest(page)).toBeDefined();
      expect(deliverable(page)).toBeUndefined();
      const { error } = await exporter.result("pending_deliveries", "pending_deliveries");
      expect(error?.code).toBe(code);
      expect(error?.message).toContain(`registry Redis at 127.0.0.1:${redis.port}`);
    };
    expect(deliverable(await exporter.scrape())).toBe(0);
    redis.pause();
    await frozen([redis.pid]);
    await check("REDIS_TIMEOUT");
    await redis.kill();
    await check("REDIS_REFUSED");
    await redis.restart({ empty: true });
    const page = await exporter.scrape();
    expect(success(page)).toBe(1);
    expect(deliverable(page)).toBe(0);
  });

  it("reports depth and age where no registry is configured", async () => {
    await wait(10, 5);
    const exporter = await startExporter(workspace, {
      postgres: database.section({ tables: { pending_deliveries: {} } }),
    });
    const page = await exporter.scrape();
    expect(success(page)).toBe(1);
    expect(depth(page)).toBe(10);
    expect(deliverable(page)).toBeUndefined();
  });

  it("finds the entries of a registry in a cluster", async () => {
    const { nodes } = await startRedisCluster(workspace, { name: "node", shards: 3 });
    await wait(100, 5);
    const exporter = await exporterOf({
      topology: "cluster",
      nodes: nodes.map(({ port }) => `127.0.0.1:${port}`),
    });
    expect(deliverable(await exporter.scrape())).toBe(0);
    for (const { port } of nodes) {
      await withRedis(port, async (client) => {
        for (let user = 1; user <= 100; user++) {
          await client.set(`conn:user-${user}`, "server-1").catch((error: unknown) => {
            if (!/^MOVED/.test(String(error instanceof Error && error.message))) throw error;
          });
        }
      });
    }
    const page = await exporter.scrape();
    expect(success(page)).toBe(1);
    expect(deliverable(page)).toBe(1);

    await nodes[1]?.server.kill();
    const without = await exporter.scrape();
    expect(success(without)).toBe(0);
    expect(depth(without)).toBe(100);
    expect(oldest(without)).toBe(oldest(page));
    expect(deliverable(without)).toBeUndefined();
  });
});
