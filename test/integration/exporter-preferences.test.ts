import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Redis } from "ioredis";
import type { Client } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { encodePreferences } from "../../core/preferences/cache-entry.ts";
import { preferencesOf, readPreferencesQuery } from "../../core/preferences/read-row.ts";
import { preferencesSchema } from "../../core/preferences/schema.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { startRedisCluster } from "../../lab/servers/redis-cluster.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { type Database, startDatabase } from "./exporter-database.ts";
import { type ExporterUnderTest, startExporter } from "./exporter-harness.ts";
import type { MetricsPage } from "./exporter-page.ts";

const maxConnections = 30;

let workspace: Workspace;
let database: Database;
let redis: RedisServer;
let cache: Redis;
const clients: Client[] = [];

beforeAll(async () => {
  workspace = await createWorkspace("exporter");
  [database, redis] = await Promise.all([
    startDatabase(workspace, { maxConnections }),
    startRedis(workspace, { name: "preferences" }),
  ]);
  await database.admin.query(preferencesSchema);
  cache = new Redis({ port: redis.port, protocol: 2, retryStrategy: () => 50 });
  cache.on("error", () => undefined);
}, patience);

beforeEach(async () => {
  await database.admin.query("TRUNCATE preferences");
  await database.admin.query("TRUNCATE preference_changes");
  await cache.flushall();
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end()));
});

afterAll(async () => {
  cache?.disconnect();
  await workspace.close();
});

const standalone = () => ({ topology: "standalone", address: `127.0.0.1:${redis.port}` });

function exporterOf(tables: object = {}, role: object = standalone(), more: object = {}) {
  const postgres = database.section({ tables: { preferences: tables } });
  return startExporter(workspace, { postgres, roles: { preferences: role }, ...more });
}

/** A choice by a program that knows nothing of redisops. */
const choose = (user: string, optedOut: boolean, client: Client = database.admin, channel = "sms") =>
  client.query(
    `INSERT INTO preferences (user_id, channel, opted_out) VALUES ($1, $2, $3)
     ON CONFLICT (user_id, channel) DO UPDATE SET opted_out = excluded.opted_out, changed_at = clock_timestamp()`,
    [user, channel, optedOut],
  );

/** Makes what was changed so far as old as this. */
const age = (interval: string) =>
  database.admin.query("UPDATE preference_changes SET changed_at = clock_timestamp() - $1::interval", [
    interval,
  ]);

/** What a worker would write into the cache now. */
async function read(user: string, client: Client = database.admin, table = "preferences") {
  const { rows } = await client.query(readPreferencesQuery(table), [user]);
  return preferencesOf(rows[0]);
}

const store = async (user: string, entry: Awaited<ReturnType<typeof read>>) =>
  cache.set(`prefs:${user}`, encodePreferences(entry));

/** The transaction that was the last one is over for every snapshot from here on. */
const settle = () => database.admin.query("SELECT pg_current_xact_id()");

const states = (page: MetricsPage) =>
  Object.fromEntries(
    page
      .all("redisops_preference_sampled_entries", { role: "preferences" })
      .map(({ labels, value }) => [labels.state, value]),
  );
const seconds = (page: MetricsPage, source: string) =>
  page.value("redisops_preference_probe_read_seconds", { role: "preferences", source });
const success = (page: MetricsPage) => page.value("redisops_probe_success", { probe: "preferences" });
const capacity = (page: MetricsPage, source = "measured") =>
  page.value("redisops_preference_read_capacity", { role: "preferences", source });
const failure = async (exporter: ExporterUnderTest) =>
  (await exporter.result("preferences", "preferences")).error?.code;

describe("sampled entries", { timeout: patience }, () => {
  it("are none where nothing was changed", async () => {
    const page = await (await exporterOf()).scrape();
    expect(success(page)).toBe(1);
    expect(states(page)).toEqual({ current: 0, outdated: 0, stale: 0, missing: 0, unknown_layout: 0 });
    expect(seconds(page, "cache")).toBeGreaterThan(0);
    expect(seconds(page, "postgres")).toBeUndefined();
  });

  it("are told apart by what they claim to reflect", async () => {
    await choose("outdated", false);
    await choose("elsewhere", false);
    await settle();
    for (const user of ["outdated", "elsewhere"]) await store(user, await read(user));
    await choose("outdated", true);
    await choose("elsewhere", true, database.admin, "push");
    for (const user of ["current", "stale-out", "missing", "foreign", "hash"]) await choose(user, true);
    await choose("stale-in", false);
    await settle();
    await store("current", await read("current"));
    await store("stale-out", { ...(await read("stale-out")), optedOut: [] });
    await store("stale-in", { ...(await read("stale-in")), optedOut: ["sms"] });
    await cache.set("prefs:foreign", '{"sms":false}');
    await cache.hset("prefs:hash", "sms", "1");
    await age("1 minute");
    const exporter = await exporterOf();
    const page = await exporter.scrape();
    expect(states(page)).toEqual({ current: 1, outdated: 2, stale: 2, missing: 1, unknown_layout: 2 });
    expect(success(page)).toBe(1);
    expect(seconds(page, "cache")).toBeGreaterThan(0);
    expect(seconds(page, "postgres")).toBeGreaterThan(0);

    await cache.del("prefs:stale-out");
    await store("stale-in", await read("stale-in"));
    expect(states(await exporter.scrape())).toMatchObject({ current: 2, stale: 0, missing: 2 });
  });

  it("are of changes between 5 seconds and an hour ago", async () => {
    const exporter = await exporterOf();
    await choose("u", true);
    await settle();
    await store("u", { ...(await read("u")), optedOut: [] });
    for (const [interval, stale] of [
      ["1 second", 0],
      ["10 seconds", 1],
      ["59 minutes", 1],
      ["61 minutes", 0],
    ] as const) {
      await age(interval);
      expect(states(await exporter.scrape()).stale, interval).toBe(stale);
    }
  });

  it("are found behind any number of younger changes, a hundred at most", async () => {
    await database.admin.query(
      "INSERT INTO preferences (user_id, channel, opted_out) SELECT 'u' || n, 'sms', true FROM generate_series(1, 500) AS n",
    );
    await age("1 minute");
    await database.admin.query(
      `INSERT INTO preference_changes (user_id, channel, opted_out)
       SELECT 'young' || n, 'sms', true FROM generate_series(1, 3900) AS n`,
    );
    const page = await (await exporterOf()).scrape();
    expect(states(page).missing).toBe(100);
  });

  it("are never stale while they and the rows are written all the time", async () => {
    await database.admin.query(
      "ALTER TABLE preference_changes ALTER changed_at SET DEFAULT clock_timestamp() - interval '1 minute'",
    );
    let writing = true;
    const users = Array.from({ length: 60 }, (_, n) => `busy-${n}`);
    const worker = async (index: number) => {
      const client = await database.connect();
      clients.push(client);
      for (let n = index; writing; n += 1) {
        const user = users[(n * 7) % users.length] ?? "";
        await choose(user, Math.floor(n / users.length) % 2 === 0, client);
        const entry = await read(user, client);
        // A slow reader's write arrives after later changes, and after later readers' writes.
        if (n % 3 === 0) await nextTurn();
        await store(user, entry);
        if (n % 5 === 0) await client.query("BEGIN; SELECT pg_current_xact_id(); COMMIT");
      }
    };
    const workers = Promise.all([0, 1, 2, 3].map(worker));
    try {
      const exporter = await exporterOf({ reads_per_second: 1 });
      const seen = { current: 0, outdated: 0, stale: 0 };
      for (let n = 0; n < 60; n += 1) {
        const now = states(await exporter.scrape());
        for (const state of ["current", "outdated", "stale"] as const) seen[state] += now[state] ?? 0;
      }
      expect(seen.stale).toBe(0);
      expect(seen.current).toBeGreaterThan(0);
      expect(seen.outdated).toBeGreaterThan(0);
    } finally {
      writing = false;
      await workers;
      await database.admin.query(
        "ALTER TABLE preference_changes ALTER changed_at SET DEFAULT clock_timestamp()",
      );
    }
  });

  it("are not judged on a standby, whose rows may be older than they are", async () => {
    const standby = await startDatabase(workspace, { name: "standby" });
    await standby.admin.query(preferencesSchema);
    await choose("ahead", true, standby.admin);
    await standby.admin.query("UPDATE preference_changes SET changed_at = now() - interval '1 minute'");
    await standby.admin.query("SELECT pg_current_xact_id()");
    const entry = await read("ahead", standby.admin);
    await store("ahead", { ...entry, optedOut: [] }); // as the primary has it by now
    const postgres = standby.section({ tables: { preferences: {} } });
    const exporter = await startExporter(workspace, { postgres, roles: { preferences: standalone() } });
    expect(states(await exporter.scrape())).toMatchObject({ stale: 1 });
    await writeFile(join(workspace.dir, "standby", "data", "standby.signal"), "");
    await standby.server.restart();
    const page = await exporter.scrape();
    expect(states(page)).toEqual({});
    expect(success(page)).toBe(1);
    expect(seconds(page, "postgres")).toBeGreaterThan(0);
    expect((await exporter.result("preferences", "preferences")).trace.join()).toContain("is a standby");
  });

  it("are judged in a cluster, also while one of its shards is down", async () => {
    const cluster = await startRedisCluster(workspace, { name: "cluster", shards: 3 });
    const users = Array.from({ length: 40 }, (_, n) => `u${n}`);
    for (const user of users) await choose(user, true);
    await settle();
    const stale = encodePreferences({ ...(await read("u0")), optedOut: [] });
    for (const { port } of cluster.nodes) {
      await withRedis(port, async (client) => {
        for (const user of users) await client.set(`prefs:${user}`, stale).catch(() => undefined);
      });
    }
    await age("1 minute");
    const exporter = await exporterOf({}, { topology: "cluster", nodes: [...cluster.addresses] });
    const whole = await exporter.scrape();
    expect(states(whole)).toMatchObject({ stale: 40, missing: 0 });
    expect(success(whole)).toBe(1);
    const [lost] = cluster.nodes;
    await lost?.server.kill();
    const rest = await exporter.scrape();
    expect(states(rest).stale).toBeGreaterThan(10);
    expect(states(rest).stale).toBeLessThan(40);
    expect(success(rest)).toBe(0);
    expect(seconds(rest, "postgres")).toBeGreaterThan(0);
  });

  it("are sampled by changed_at where there is no table of changes, if that is indexed", async () => {
    await database.admin.query(`
      CREATE TABLE foreign_preferences (user_id uuid, channel text, opted_out boolean NOT NULL,
        changed_at timestamptz NOT NULL, PRIMARY KEY (user_id, channel));
      INSERT INTO foreign_preferences SELECT gen_random_uuid(), 'sms', true, now() - interval '1 day' FROM generate_series(1, 50)`);
    const table = "foreign_preferences";
    const exporter = await exporterOf({ table, changes_table: "no_such_changes" });
    const blind = await exporter.scrape();
    expect(success(blind)).toBe(1);
    expect(blind.all("redisops_preference_sampled_entries")).toEqual([]);
    expect(seconds(blind, "postgres")).toBeGreaterThan(0);
    const { trace } = await exporter.result("preferences", "preferences");
    expect(trace.join("\n")).toContain("no index on foreign_preferences (changed_at)");

    await database.admin.query(`CREATE INDEX ON ${table} (changed_at)`);
    const users = ["1", "2", "3", "4"].map((n) => `00000000-0000-0000-0000-00000000000${n}`);
    const [outdated = "", current = "", stale = "", reverted = ""] = users;
    const change = (user: string, optedOut: boolean) =>
      database.admin.query(
        `INSERT INTO ${table} VALUES ($1, 'sms', $2, now() - interval '1 minute')
         ON CONFLICT (user_id, channel) DO UPDATE SET opted_out = excluded.opted_out`,
        [user, optedOut],
      );
    await change(outdated, false);
    await settle();
    await store(outdated, await read(outdated, database.admin, table));
    for (const user of [outdated, current, stale]) await change(user, true);
    await change(reverted, false);
    await settle();
    await store(current, await read(current, database.admin, table));
    await store(stale, { ...(await read(stale, database.admin, table)), optedOut: [] });
    await store(reverted, { ...(await read(reverted, database.admin, table)), optedOut: ["sms"] });
    const page = await exporter.scrape();
    expect(states(page)).toEqual({ current: 1, outdated: 1, stale: 2, missing: 0, unknown_layout: 0 });
    expect(success(page)).toBe(1);
  });
});

describe("what is measured of one store", { timeout: patience }, () => {
  beforeEach(async () => {
    await choose("u", true);
    await age("1 minute");
  });

  it("stays while Redis is down or hangs", async () => {
    const exporter = await exporterOf({}, standalone(), { exporter: { probe_timeout: "1s" } });
    expect(success(await exporter.scrape())).toBe(1);
    const check = async (code: string) => {
      const page = await exporter.scrape(2);
      expect(success(page)).toBe(0);
      expect(seconds(page, "postgres")).toBeGreaterThan(0);
      expect(seconds(page, "cache")).toBeUndefined();
      expect(page.all("redisops_preference_sampled_entries")).toEqual([]);
      expect(await failure(exporter)).toBe(code);
    };
    redis.pause();
    await frozen([redis.pid]);
    try {
      await check("REDIS_TIMEOUT");
    } finally {
      redis.resume();
    }
    await redis.kill();
    await check("REDIS_REFUSED");
    await redis.restart({ empty: true });
    await exporter.scrapeUntil("all of it", (page) => success(page) === 1);
  });

  it("stays while Postgres hangs, and the capacity that was measured before", async () => {
    const exporter = await exporterOf({}, standalone(), { exporter: { probe_timeout: "2s" } });
    const before = await exporter.scrapeUntil("a capacity", (page) => capacity(page) !== undefined);
    database.server.pause();
    try {
      const page = await exporter.scrape(3);
      expect(success(page)).toBe(0);
      expect(seconds(page, "cache")).toBeGreaterThan(0);
      expect(seconds(page, "postgres")).toBeUndefined();
      expect(capacity(page)).toBe(capacity(before));
      expect(await failure(exporter)).toBe("POSTGRES_TIMEOUT");
    } finally {
      database.server.resume();
    }
    // Also when Postgres has not answered even once.
    const late = await exporterOf({}, standalone(), { exporter: { probe_timeout: "1s" } });
    database.server.pause();
    try {
      expect(seconds(await late.scrape(2), "cache")).toBeGreaterThan(0);
    } finally {
      database.server.resume();
    }
  });
});

describe("the capacity of Postgres", { timeout: patience }, () => {
  const measuredAt = (page: MetricsPage) =>
    page.value("redisops_preference_read_capacity_timestamp_seconds", { source: "measured" });

  beforeEach(async () => {
    await database.admin.query(
      "INSERT INTO preferences (user_id, channel, opted_out) SELECT 'u' || n, 'sms', n % 2 = 0 FROM generate_series(1, 5000) AS n",
    );
    await database.untilLeft();
  });

  it("is measured in a short burst, and not again soon", async () => {
    const exporter = await exporterOf();
    // A run that stays the only one, as that of redisops status, does not burden Postgres.
    expect(capacity(await exporter.scrape())).toBeUndefined();
    const first = await exporter.scrapeUntil("a capacity", (page) => capacity(page) !== undefined);
    expect(capacity(first)).toBeGreaterThan(100);
    expect(Math.abs((measuredAt(first) ?? 0) - Date.now() / 1000)).toBeLessThan(60);
    await database.untilLeft();
    const reads = async () => {
      await database.admin.query("SELECT pg_stat_force_next_flush()");
      const { rows } = await database.admin.query<{ scans: string }>(
        "SELECT idx_scan AS scans FROM pg_stat_user_tables WHERE relname = 'preferences'",
      );
      return Number(rows[0]?.scans);
    };
    const before = await reads();
    expect(before).toBeGreaterThan(20);
    for (let n = 0; n < 3; n += 1) expect(capacity(await exporter.scrape())).toBe(capacity(first));
    await database.untilLeft();
    // Five timed reads of each scrape, and no burst.
    expect((await reads()) - before).toBeLessThan(50);
  });

  it("is not measured while half of the connections are in use", async () => {
    for (let n = 0; n < maxConnections / 2; n += 1) clients.push(await database.connect());
    const exporter = await exporterOf();
    for (let n = 0; n < 3; n += 1) expect(capacity(await exporter.scrape())).toBeUndefined();
    const { trace } = await exporter.result("preferences", "preferences");
    expect(trace.join("\n")).toContain("too many of Postgres’s connections are in use");
    await Promise.all(clients.splice(0).map((client) => client.end()));
    await exporter.scrapeUntil("a capacity", (page) => capacity(page) !== undefined);
  });

  it("is not measured while the cache is away", async () => {
    const port = await workspace.port();
    const exporter = await exporterOf({}, { topology: "standalone", address: `127.0.0.1:${port}` });
    for (let n = 0; n < 3; n += 1) expect(capacity(await exporter.scrape())).toBeUndefined();
  });

  it("is what redisops.yaml declares, and then not measured", async () => {
    const exporter = await exporterOf({ reads_per_second: 50_000 });
    const page = await exporter.scrape();
    expect(capacity(page, "declared")).toBe(50_000);
    expect(page.all("redisops_preference_read_capacity")).toHaveLength(1);
    expect(measuredAt(page)).toBeUndefined();
  });
});
