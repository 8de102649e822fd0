import { Registry } from "prom-client";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Connection } from "../../core/registry/entry.ts";
import { RegistryClient } from "../../fallbacks/registry/registry-client.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { startRedisCluster } from "../../lab/servers/redis-cluster.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { startExporter } from "./exporter-harness.ts";
import { MetricsPage } from "./exporter-page.ts";

let workspace: Workspace;
let redis: RedisServer;

beforeAll(async () => {
  workspace = await createWorkspace("exporter-registry");
  redis = await startRedis(workspace, { name: "registry" });
});

beforeEach(async () => {
  if (!redis.running) await redis.restart({ empty: true });
  await withRedis(redis.port, (client) => client.flushall());
});

afterAll(async () => {
  await workspace.close();
});

const at = (port: number) => `127.0.0.1:${port}`;
const connection = () => ({ topology: "standalone" as const, address: at(redis.port) });
const exporterOf = (role: object = {}) =>
  startExporter(workspace, { roles: { registry: { ...connection(), ...role } } });

const entries = (page: MetricsPage) => page.value("redisops_registry_entries");
const entriesError = (page: MetricsPage) => page.value("redisops_registry_entries_standard_error");
const forever = (page: MetricsPage) => page.value("redisops_registry_entries_without_ttl");
const canary = (page: MetricsPage) => page.value("redisops_registry_canary_ratio");
const success = (page: MetricsPage) => page.value("redisops_probe_success", { probe: "registry" });

async function fill(name: string, count: number, lifetime: number): Promise<void> {
  await withRedis(redis.port, (client) =>
    client.eval(
      `for i = 1, ARGV[2] do
         redis.call('SET', ARGV[1] .. i, '1')
         if ARGV[3] ~= '0' then redis.call('PEXPIRE', ARGV[1] .. i, ARGV[3]) end
       end`,
      0,
      name,
      count,
      lifetime,
    ),
  );
}

const hour = 3_600_000;

describe("the registry’s entries", { timeout: patience }, () => {
  it("are exact while nothing else is on the server, its own canaries left out", async () => {
    const exporter = await exporterOf();
    for (const _ of [1, 2]) expect(entries(await exporter.scrape())).toBe(0);
    await fill("conn:u", 7, hour);
    const few = await exporter.scrape();
    expect(entries(few)).toBe(7);
    expect(entriesError(few)).toBe(0);
    await fill("conn:v", 30_000, hour);
    const many = await exporter.scrape();
    expect(entries(many)).toBe(30_007);
    expect(entriesError(many)).toBeGreaterThan(0);
    expect(success(many)).toBe(1);
  });

  it("are told from keys of another layout, with an honest error", async () => {
    await fill("conn:u", 6000, hour);
    await fill("session:conn:u", 3000, hour);
    const page = await (await exporterOf()).scrape();
    const error = entriesError(page) ?? 0;
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThan(500);
    expect(Math.abs((entries(page) ?? 0) - 6000)).toBeLessThan(5 * error);
    const other = await (await exporterOf({ key: "session:conn:{user_id}" })).scrape();
    expect(Math.abs((entries(other) ?? 0) - 3000)).toBeLessThan(5 * (entriesError(other) ?? 0));
  });

  it("that never expire are seen, and others’ keys that never expire are not taken for them", async () => {
    await fill("conn:u", 300, hour);
    await fill("bucket:", 50, 0);
    const exporter = await exporterOf();
    expect(forever(await exporter.scrape())).toBe(0);
    await fill("conn:forever", 5, 0);
    await exporter.scrapeUntil("all of them to be met", (page) => forever(page) === 5);
  });
});

describe("the registry’s canary", { timeout: patience }, () => {
  it("is not disturbed by other exporters, and leaves nothing behind that stays", async () => {
    const exporters = await Promise.all([exporterOf(), exporterOf(), exporterOf()]);
    for (const _ of [1, 2, 3, 4]) {
      const pages = await Promise.all(exporters.map((exporter) => exporter.scrape()));
      expect(pages.map(canary)).toEqual([1, 1, 1]);
      expect(pages.map(success)).toEqual([1, 1, 1]);
    }
    const own = await withRedis(redis.port, (client) => client.keys("*"));
    expect(own.length).toBeGreaterThan(0);
    for (const key of own) {
      expect(key).toMatch(/^redisops:/);
      expect(await withRedis(redis.port, (client) => client.pttl(key))).toBeGreaterThan(0);
    }
  });

  it("fails on a server that takes no writes, is gone or hangs; entries are counted where they can be", async () => {
    await fill("conn:u", 20, hour);
    const exporter = await exporterOf();
    await withRedis(redis.port, (client) => client.config("SET", "maxmemory", "1"));
    const full = await exporter.scrape();
    expect(canary(full)).toBe(0);
    expect(entries(full)).toBe(20);
    expect(success(full)).toBe(0);
    await withRedis(redis.port, (client) => client.config("SET", "maxmemory", "0"));

    redis.pause();
    await frozen([redis.pid]);
    const hung = await exporter.scrape(2);
    redis.resume();
    expect([canary(hung), entries(hung)]).toEqual([0, undefined]);
    await redis.kill();
    const gone = await exporter.scrape();
    expect([canary(gone), entries(gone)]).toEqual([0, undefined]);
  });

  it("comes out right on the shards that are left when one hangs", async () => {
    const { nodes, addresses } = await startRedisCluster(workspace, { name: "node", shards: 3 });
    for (const { port } of nodes) {
      await withRedis(port, (client) => client.config("SET", "cluster-node-timeout", 600_000));
    }
    const exporter = await startExporter(workspace, {
      roles: { registry: { topology: "cluster", nodes: [...addresses] } },
      exporter: { probe_timeout: "3s" },
    });
    const perShard = [0, 0, 0];
    for (let user = 0; user < 30; user++) {
      for (const [index, { port }] of nodes.entries()) {
        const reply = await withRedis(port, (client) => client.set(`conn:${user}`, "1", "EX", 3600)).catch(
          () => "",
        );
        if (reply === "OK") perShard[index] = (perShard[index] ?? 0) + 1;
      }
    }
    const whole = await exporter.scrape();
    expect(canary(whole)).toBeCloseTo(1, 6);
    expect(entries(whole)).toBe(30);
    nodes[0]?.server.pause();
    await frozen([nodes[0]?.server.pid ?? 0]);
    const page = await exporter.scrape();
    // The scrape's own deadline, before the probe's.
    const cutOff = await exporter.scrape(2);
    nodes[0]?.server.resume();
    for (const found of [page, cutOff]) {
      expect(success(found)).toBe(0);
      expect(canary(found)).toBeCloseTo(2 / 3, 3);
      const up = found.all("redisops_shard_up").map(({ labels, value }) => `${labels.shard}: ${value}`);
      expect(up.sort()).toEqual(["0: 0", "1: 1", "2: 1"]);
      expect(found.value("redisops_shard_failure", { shard: "0", error_class: "timeout" })).toBe(1);
    }
    expect(entries(page)).toBe((perShard[1] ?? 0) + (perShard[2] ?? 0));
    expect(page.verdict("registry")).toBe("up");
  });
});

describe("coverage", { timeout: patience }, () => {
  const people = (count: number, server: string, connectedAtMs = 1): Connection[] =>
    Array.from({ length: count }, (_, n) => ({
      userId: `${server}-${n}`,
      serverId: server,
      connectionId: `${server}-${n}-${connectedAtMs}`,
      connectedAtMs,
    }));

  function server() {
    const metrics = new Registry();
    const client = new RegistryClient(connection(), { metrics, deadlineMs: 10_000, ttlMs: 60_000 });
    const live = async () => new MetricsPage(await metrics.metrics()).value("redisops_registry_connections");
    return { client, metrics, live };
  }

  it("is whole, falls to nothing with the entries, and is whole again after the heartbeats", async () => {
    const servers = [server(), server()];
    const held = [people(40, "a"), people(60, "b")];
    const exporter = await exporterOf();
    const coverage = async () => {
      const counts = await Promise.all(servers.map(({ live }) => live()));
      return (
        (entries(await exporter.scrape()) ?? Number.NaN) / counts.reduce<number>((a, b) => a + (b ?? 0), 0)
      );
    };
    for (const [index, { client }] of servers.entries()) {
      expect(await client.ready(30_000)).toBe(true);
      await Promise.all((held[index] ?? []).map((each) => client.register(each)));
    }
    expect(await coverage()).toBe(1);
    await redis.restart({ empty: true });
    expect(await coverage()).toBe(0);
    for (const [index, { client }] of servers.entries()) {
      expect(await client.ready(30_000)).toBe(true);
      const { restored, unavailable } = await client.heartbeatAll(held[index] ?? []);
      expect([restored, unavailable]).toEqual([held[index]?.length, 0]);
    }
    expect(await coverage()).toBe(1);
    for (const { client } of servers) client.close();
  });

  it("counts each user once, through reconnects, supersession, ends, outages and a new client", async () => {
    const first = server();
    const second = server();
    expect(await first.live()).toBe(0);
    expect(await first.client.ready(30_000)).toBe(true);
    expect(await second.client.ready(30_000)).toBe(true);
    const old = people(10, "a", 1);
    const young = people(10, "a", 2);
    await Promise.all(old.map((each) => first.client.register(each)));
    await Promise.all(old.map((each) => first.client.register(each)));
    expect(await first.live()).toBe(10);
    // All of them come back to the same server: the end of the former connection ends nothing.
    await Promise.all(young.map((each) => first.client.register(each)));
    await Promise.all(old.map((each) => first.client.heartbeat(each)));
    await Promise.all(old.map((each) => first.client.unregister(each)));
    expect(await first.live()).toBe(10);
    // Half of them move to another server; the first one learns it by its heartbeats.
    const moved = people(5, "a", 3);
    await Promise.all(moved.map((each) => second.client.register(each)));
    expect(await first.live()).toBe(10);
    await first.client.heartbeatAll(young);
    expect([await first.live(), await second.live()]).toEqual([5, 5]);
    // One that was superseded before it registered does not count.
    expect(await Promise.all(young.slice(0, 1).map((each) => first.client.register(each)))).toEqual([
      "superseded",
    ]);
    expect(await first.live()).toBe(5);

    await redis.kill();
    const late = people(3, "late", 1);
    for (const each of late) expect(await first.client.register(each)).toBe("unavailable");
    expect(await first.live()).toBe(8);
    for (const each of late) await first.client.unregister(each);
    expect(await first.live()).toBe(5);

    // A new client of the same process knows its connections by their heartbeats.
    first.client.close();
    expect(await first.live()).toBeUndefined();
    const again = new RegistryClient(connection(), { metrics: first.metrics, deadlineMs: 10_000 });
    expect(await first.live()).toBe(0);
    await again.heartbeatAll(young.slice(5));
    expect(await first.live()).toBe(5);
    again.close();
    second.client.close();
  });
});
