import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { startRedisCluster } from "../../lab/servers/redis-cluster.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { secretFile, startExporter } from "./exporter-harness.ts";
import type { MetricsPage } from "./exporter-page.ts";

let workspace: Workspace;
let redis: RedisServer;

beforeAll(async () => {
  workspace = await createWorkspace("exporter-rate-limit");
  redis = await startRedis(workspace, { name: "rate-limit" });
});

beforeEach(async () => {
  if (!redis.running) await redis.restart({ empty: true });
  await withRedis(redis.port, (client) => client.flushall());
});

afterAll(async () => {
  await workspace.close();
});

const at = (port: number) => `127.0.0.1:${port}`;
const exporterOf = (role: object = {}) =>
  startExporter(workspace, {
    roles: { rate_limit: { topology: "standalone", address: at(redis.port), ...role } },
  });

const stuck = (page: MetricsPage) => page.value("redisops_rate_limit_counters_without_ttl");
const stuckError = (page: MetricsPage) =>
  page.value("redisops_rate_limit_counters_without_ttl_standard_error");
const canary = (page: MetricsPage) => page.value("redisops_rate_limit_canary_ratio");
const success = (page: MetricsPage) => page.value("redisops_probe_success", { probe: "rate_limit" });

/** Writes so many keys of a name, in chunks of one script each; with a lifetime in milliseconds, or none. */
async function fill(port: number, name: string, count: number, lifetime: number): Promise<void> {
  await withRedis(port, async (client) => {
    for (let from = 0; from < count; from += 50_000) {
      await client.eval(
        `for i = ARGV[2], ARGV[3] do
           redis.call('SET', ARGV[1] .. i, '1')
           if ARGV[4] ~= '0' then redis.call('PEXPIRE', ARGV[1] .. i, ARGV[4]) end
         end`,
        0,
        name,
        from + 1,
        Math.min(count, from + 50_000),
        lifetime,
      );
    }
  });
}

/** What the server did since its statistics were reset: calls by command. */
async function callsOf(port: number): Promise<Map<string, number>> {
  const stats = await withRedis(port, (client) => client.info("commandstats"));
  const calls = [...stats.matchAll(/^cmdstat_(\S+?):calls=(\d+)/gm)];
  return new Map(calls.map(([, command = "", count]) => [command, Number(count)]));
}

describe("counters without a time to live", { timeout: patience }, () => {
  it("are none on an empty server and on a healthy one, and its own canaries are not among them", async () => {
    const exporter = await exporterOf();
    for (const _ of [1, 2]) {
      const page = await exporter.scrape();
      expect(success(page)).toBe(1);
      expect(canary(page)).toBe(1);
      expect(stuck(page)).toBe(0);
      expect(stuckError(page)).toBe(0);
    }
    await fill(redis.port, "rate:", 1000, 3_600_000);
    expect(stuck(await exporter.scrape())).toBe(0);
    const left = await withRedis(redis.port, (client) => client.keys("redisops:*"));
    for (const key of left) {
      expect(await withRedis(redis.port, (client) => client.pttl(key))).toBeGreaterThan(0);
    }
  });

  it("are about 10 among a million that expire, without a look at all of them", async () => {
    await fill(redis.port, "rate:", 1_000_000, 3_600_000);
    await fill(redis.port, "rate:stuck-", 10, 0);
    const exporter = await exporterOf();
    await withRedis(redis.port, (client) => client.config("RESETSTAT"));
    const page = await exporter.scrape();
    expect(success(page)).toBe(1);
    expect(stuck(page)).toBeGreaterThan(9);
    expect(stuck(page)).toBeLessThanOrEqual(10);
    expect(stuckError(page)).toBeLessThan(2);
    const calls = await callsOf(redis.port);
    expect([...calls.keys()].filter((command) => /scan|keys$/.test(command))).toEqual([]);
    expect(calls.get("randomkey")).toBe(100);
    expect([...calls.values()].reduce((sum, count) => sum + count, 0)).toBeLessThan(1000);
  });

  it("are told from other keys without a time to live on the same server", async () => {
    await fill(redis.port, "rate:", 2000, 3_600_000);
    await fill(redis.port, "seq:", 3000, 0);
    const exporter = await exporterOf();
    expect(stuck(await exporter.scrape())).toBe(0);
    await fill(redis.port, "rate:stuck-", 3000, 0);
    const page = await exporter.scrape();
    const error = stuckError(page) ?? 0;
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThan(600);
    expect(Math.abs((stuck(page) ?? 0) - 3000)).toBeLessThan(5 * error);
  });

  it("are counted once all keys without a time to live were met, however few", async () => {
    await fill(redis.port, "rate:", 400, 3_600_000);
    await fill(redis.port, "config:", 6, 0);
    await fill(redis.port, "rate:stuck-", 4, 0);
    const exporter = await exporterOf();
    const page = await exporter.scrapeUntil("all ten to be met", (found) => stuckError(found) === 0);
    expect(stuck(page)).toBe(4);
    await withRedis(redis.port, (client) => client.expire("rate:stuck-1", 3600));
    expect(stuck(await exporter.scrape())).toBe(3);
  });
});

describe("the rate counters’ canary", { timeout: patience }, () => {
  it("is not disturbed by other exporters", async () => {
    const exporters = await Promise.all([exporterOf(), exporterOf(), exporterOf()]);
    for (const _ of [1, 2, 3]) {
      const pages = await Promise.all(exporters.map((exporter) => exporter.scrape()));
      expect(pages.map(canary)).toEqual([1, 1, 1]);
      expect(pages.map(success)).toEqual([1, 1, 1]);
    }
  });

  it("fails where the script may not set a time to live", async () => {
    const secret = "password-of-the-acl-user";
    await withRedis(redis.port, (client) =>
      client.call(
        ...(["ACL", "SETUSER", "narrow", "on", `>${secret}`, "~*", "-@all"] as const),
        ...["+set", "+eval", "+evalsha", "+incr", "+pttl", "+info", "+randomkey", "+exists"],
      ),
    );
    const password = await secretFile(workspace, secret);
    const page = await (await exporterOf({ username: "narrow", password })).scrape();
    expect(page.verdict("rate_limit")).toBe("up");
    expect(canary(page)).toBe(0);
    expect(success(page)).toBe(0);
    expect(stuck(page)).toBeDefined();
  });

  it("fails when the server is gone, hangs or takes no writes, and what can be read is read all the same", async () => {
    const exporter = await exporterOf();
    await withRedis(redis.port, (client) => client.config("SET", "maxmemory", "1"));
    const full = await exporter.scrape();
    expect(canary(full)).toBe(0);
    expect(stuck(full)).toBe(0);
    expect(full.verdict("rate_limit")).toBe("out_of_memory");
    await withRedis(redis.port, (client) => client.config("SET", "maxmemory", "0"));

    redis.pause();
    await frozen([redis.pid]);
    const hung = await exporter.scrape(2);
    redis.resume();
    expect(canary(hung)).toBe(0);
    expect(stuck(hung)).toBeUndefined();

    await redis.kill();
    const gone = await exporter.scrape();
    expect(canary(gone)).toBe(0);
    expect(stuck(gone)).toBeUndefined();
    expect(success(gone)).toBe(0);
    await redis.restart({ empty: true });
    expect(canary(await exporter.scrape())).toBe(1);
  });
});

describe("in a Redis Cluster", { timeout: patience }, () => {
  it("the shards that are left are measured when one is gone", async () => {
    const { nodes, addresses } = await startRedisCluster(workspace, { name: "node", shards: 3 });
    for (const { port } of nodes) {
      await withRedis(port, (client) => client.config("SET", "cluster-node-timeout", 600_000));
    }
    const exporter = await startExporter(workspace, {
      roles: { rate_limit: { topology: "cluster", nodes: [...addresses] } },
    });
    // One tag for each shard, found by asking where its slot is.
    const tags = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    const perShard = [0, 0, 0];
    for (const tag of tags) {
      for (const [index, { port }] of nodes.entries()) {
        const stored = await withRedis(port, (client) => client.set(`rate:{${tag}}`, "1")).catch(() => "");
        if (stored === "OK") perShard[index] = (perShard[index] ?? 0) + 1;
      }
    }
    const whole = await exporter.scrape();
    expect(canary(whole)).toBeCloseTo(1, 6);
    expect(stuck(whole)).toBe(tags.length);

    await nodes[1]?.server.kill();
    const page = await exporter.scrape();
    expect(page.verdict("rate_limit")).toBe("up");
    expect(success(page)).toBe(0);
    expect(canary(page)).toBeCloseTo(2 / 3, 3);
    expect(stuck(page)).toBe(tags.length - (perShard[1] ?? 0));
    expect(perShard[1]).toBeGreaterThan(0);
  });
});
