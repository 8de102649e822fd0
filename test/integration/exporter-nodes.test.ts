import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { startReplica } from "../../lab/servers/redis-replica.ts";
import { startSentinel } from "../../lab/servers/sentinel.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { secretFile, startExporter } from "./exporter-harness.ts";
import type { MetricsPage } from "./exporter-page.ts";
import { startLoadingRedis } from "./exporter-redis-servers.ts";

let workspace: Workspace;

beforeEach(async () => {
  workspace = await createWorkspace("exporter");
});

afterEach(async () => {
  await workspace.close();
});

const at = (port: number) => `127.0.0.1:${port}`;
const alone = ({ port }: { readonly port: number }) => ({ topology: "standalone", address: at(port) });

/** What the page says of one server, by the metric's name without its prefix. */
function node(page: MetricsPage, { port }: { readonly port: number }): Record<string, number> {
  const own = page.series.filter(
    ({ name, labels }) => name.startsWith("redisops_redis_") && labels.node === at(port),
  );
  return Object.fromEntries(own.map(({ name, value }) => [name.slice("redisops_redis_".length), value]));
}

/** Why the probe of the nodes failed; undefined where it did not. */
async function nodesError(exporter: Awaited<ReturnType<typeof startExporter>>, role: string) {
  return (await exporter.result("nodes", role)).error?.message;
}

/** A primary and a replica behind one Sentinel, as the role `rate_limit`. */
async function replicated(password?: string) {
  const config = password === undefined ? [] : [`requirepass ${password}`, `masterauth ${password}`];
  const primary = await startRedis(workspace, { name: "primary", config });
  const replica = await startReplica(workspace, primary, { name: "replica", password });
  const sentinel = await startSentinel(workspace, { name: "sentinel", primary, primaryName: "p", password });
  await waitUntil(
    () =>
      withRedis(
        sentinel.port,
        async (client) => String(await client.call("SENTINEL", "REPLICAS", "p")) !== "",
      ),
    { what: "the Sentinel to know the replica", deadlineMs: patience },
  );
  const role = { topology: "sentinel", sentinels: [at(sentinel.port)], primary: "p" };
  return { primary, replica, sentinel, role };
}

describe("a standalone server", { timeout: patience }, () => {
  it("is measured as it is, and what it does not have is left out", async () => {
    const redis = await startRedis(workspace, { name: "redis", config: ["maxclients 77"] });
    const exporter = await startExporter(workspace, { roles: { preferences: alone(redis) } });
    const first = node(await exporter.scrape(), redis);
    expect(first).toMatchObject({
      ...{ up: 1, info: 1, loading: 0, clients_limit: 77, clients_blocked: 0, aof_enabled: 0 },
      ...{ evicted_keys_total: 0, connections_rejected_total: 0, last_save_success: 1 },
      ...{ connected_replicas: 0 },
    });
    expect(first.response_seconds).toBeGreaterThan(0);
    expect(first.memory_used_bytes).toBeGreaterThan(100_000);
    expect(first.cpu_seconds_total).toBeGreaterThan(0);
    const started = first.start_timestamp_seconds ?? 0;
    expect(Math.abs(Date.now() / 1000 - started)).toBeLessThan(patience / 1000);
    for (const absent of ["memory_limit_bytes", "replication_link_up", "replication_lag_bytes"]) {
      expect(first).not.toHaveProperty(absent);
    }
    expect(first).not.toHaveProperty("aof_last_write_success");

    await withRedis(redis.port, async (client) => {
      await client.mset("a", "1", "b", "2");
      await client.set("c", "3", "EX", 1000);
      for (const key of ["a", "a", "a", "gone"]) await client.get(key);
      await client.config("SET", "maxmemory", "50mb");
      await client.config("SET", "appendonly", "yes");
      // A server that still writes its first AOF does not stop.
      await waitUntil(async () => (await client.info("persistence")).includes("aof_rewrite_in_progress:0"), {
        what: "the AOF to be there",
        deadlineMs: patience,
      });
    });
    const second = node(await exporter.scrape(), redis);
    const grown = (name: string) => (second[name] ?? 0) - (first[name] ?? 0);
    expect(second).toMatchObject({
      memory_limit_bytes: 50 * 1024 ** 2,
      aof_enabled: 1,
      aof_last_write_success: 1,
    });
    expect([grown("keyspace_hits_total"), grown("keyspace_misses_total")]).toEqual([3, 1]);
    expect([grown("keys"), grown("keys_expiring")]).toEqual([3, 1]);
    expect(grown("commands_total")).toBeGreaterThan(8);
    expect(second.start_timestamp_seconds).toBeGreaterThanOrEqual(started - 1);
    expect(second.start_timestamp_seconds).toBeLessThanOrEqual(started + 1);
  });

  it("counts what it evicts, refuses and expires", async () => {
    const redis = await startRedis(workspace, { name: "redis", config: ["maxclients 3"] });
    const exporter = await startExporter(workspace, { roles: { preferences: alone(redis) } });
    await withRedis(redis.port, async (client) => {
      await client.psetex("short", 1, "x");
      await waitUntil(async () => (await client.exists("short")) === 0, {
        what: "a key to expire",
        deadlineMs: patience,
      });
      await client.config("SET", "maxmemory-policy", "allkeys-random");
      await client.config("SET", "maxmemory", "3mb");
      await client.eval("for i = 1, 200 do redis.call('SET', 'k' .. i, string.rep('x', 30000)) end", 0);
      await client.client("SETNAME", "holder");
      // The third and the fourth connection on one that takes three.
      const others = [0, 1, 2].map(() =>
        withRedis(redis.port, (other) => other.blpop("nothing", 1), { deadlineMs: 5000 }).catch(
          () => undefined,
        ),
      );
      await Promise.all(others);
    });
    const measured = node(await exporter.scrape(), redis);
    expect(measured.evicted_keys_total).toBeGreaterThan(0);
    expect(measured.expired_keys_total).toBeGreaterThan(0);
    expect(measured.connections_rejected_total).toBeGreaterThan(0);
  });

  it("is named as loading, not as up", async () => {
    const redis = await startLoadingRedis(workspace);
    const exporter = await startExporter(workspace, { roles: { preferences: alone(redis) } });
    expect(node(await exporter.scrape(), redis)).toMatchObject({ up: 0, loading: 1 });
    expect(await nodesError(exporter, "preferences")).toContain("loading");
    await redis.hurry();
    await exporter.scrapeUntil("the server to be up", (page) => node(page, redis).up === 1);
  });

  it("is up by its PING where INFO is denied, and the probe says what is denied", async () => {
    const redis = await startRedis(workspace, { name: "redis" });
    const secret = "password-of-the-user";
    await withRedis(redis.port, (client) =>
      client.call("ACL", "SETUSER", "u", "on", `>${secret}`, "-@all", "~redisops:*", "+set", "+ping"),
    );
    const access = { username: "u", password: await secretFile(workspace, secret) };
    const exporter = await startExporter(workspace, {
      roles: { rate_limit: { ...alone(redis), ...access } },
    });
    const page = await exporter.scrape();
    expect(Object.keys(node(page, redis)).sort()).toEqual(["response_seconds", "up"]);
    expect(node(page, redis).up).toBe(1);
    expect(page.value("redisops_probe_success", { probe: "nodes" })).toBe(0);
    expect(await nodesError(exporter, "rate_limit")).toContain("NOPERM");
    expect(page.text).not.toContain(secret);
  });

  it("fits into 300 series with all its roles’ own, and 40 for a role", async () => {
    const redis = await startRedis(workspace, {
      name: "redis",
      config: ["appendonly yes", "maxmemory 100mb"],
    });
    const contract = {
      ...{ persistence: "aof", eviction: "noeviction", replicas: 0 },
      ...{ min_replicas_to_write: 0, maxmemory: "100mb" },
    };
    const exporter = await startExporter(workspace, { roles: { sequence: { ...alone(redis), contract } } });
    const own = (await exporter.scrape()).series.filter(({ labels }) => labels.role === "sequence");
    expect(own.length).toBeLessThanOrEqual(300);
    const ofRole = own.filter(({ labels }) => labels.node === undefined && labels.shard === undefined);
    expect(ofRole.length).toBeLessThanOrEqual(40);
    expect(own.filter(({ labels }) => labels.node !== undefined).length).toBeLessThanOrEqual(30);
  });
});

describe("a primary with a replica", { timeout: patience }, () => {
  const pair = async () => {
    const parts = await replicated();
    const exporter = await startExporter(workspace, {
      roles: { rate_limit: parts.role },
      exporter: { probe_timeout: "1500ms" },
    });
    return { ...parts, exporter };
  };
  const redundancy = (page: MetricsPage) =>
    ["in_sync", "known", "expected"].map((what) => page.value(`redisops_shard_replicas_${what}`));

  it("shows both, the replica’s link and lag, and which could take over", async () => {
    const { exporter, primary, replica } = await pair();
    const page = await exporter.scrape();
    expect(node(page, primary)).toMatchObject({ up: 1, connected_replicas: 1 });
    expect(node(page, replica)).toMatchObject({ up: 1, replication_link_up: 1 });
    expect(node(page, replica).replication_lag_seconds).toBeLessThan(20);
    expect(
      page
        .all("redisops_redis_info")
        .map(({ labels }) => [labels.node, labels.kind, labels.shard])
        .sort(),
    ).toEqual(
      [
        [at(primary.port), "primary", "0"],
        [at(replica.port), "replica", "0"],
      ].sort(),
    );
    expect(redundancy(page)).toEqual([1, 1, 1]);
    await exporter.scrapeUntil("no lag", (found) => node(found, replica).replication_lag_bytes === 0);
  });

  it("shows the lag in bytes and seconds of a replica that hangs, while the rest of the page is there", async () => {
    const { exporter, primary, replica } = await pair();
    const healthy = await exporter.scrape();
    replica.pause();
    await frozen([replica.pid]);
    const payload = 300_000;
    await withRedis(primary.port, (client) => client.set("k", "x".repeat(payload)));
    const page = await exporter.scrape();
    expect(page.verdict("rate_limit")).toBe("up");
    expect(node(page, replica).up).toBe(0);
    expect(node(page, replica).replication_lag_bytes).toBeGreaterThanOrEqual(payload);
    expect(Object.keys(node(page, primary))).toEqual(Object.keys(node(healthy, primary)));
    expect(await nodesError(exporter, "rate_limit")).toContain(at(replica.port));
    const stale = await exporter.scrapeUntil(
      "the replica to be out of sync",
      (found) => redundancy(found)[0] === 0,
    );
    expect(redundancy(stale).slice(1)).toEqual([1, 1]);

    // Ten at once, and the scrape's own deadline before the probe's.
    const pages = await Promise.all(Array.from({ length: 10 }, () => exporter.scrape(1.5)));
    for (const each of pages) {
      expect(node(each, replica).up).toBe(0);
      expect(node(each, primary).up).toBe(1);
      expect(node(each, primary).memory_used_bytes).toBeGreaterThan(0);
    }
    replica.resume();
    const back = await exporter.scrapeUntil("the replica to follow", (found) => redundancy(found)[0] === 1);
    expect(node(back, replica)).toMatchObject({ up: 1, replication_link_up: 1 });
  });

  it("shows a broken link, and a dead replica", async () => {
    const { exporter, primary, replica } = await pair();
    await withRedis(replica.port, (client) => client.call("REPLICAOF", "127.0.0.1", "1"));
    const broken = await exporter.scrapeUntil(
      "the link to be down",
      (page) => node(page, replica).replication_link_up === 0,
    );
    expect(node(broken, replica).up).toBe(1);
    expect(redundancy(broken)[0]).toBe(0);
    await withRedis(replica.port, (client) => client.call("REPLICAOF", "127.0.0.1", String(primary.port)));
    await exporter.scrapeUntil("the link to be up", (page) => redundancy(page)[0] === 1);

    await replica.kill();
    const page = await exporter.scrapeUntil("the replica to be down", (found) => redundancy(found)[0] === 0);
    expect(node(page, replica)).toEqual({ up: 0 });
    expect(node(page, primary).up).toBe(1);
    expect(redundancy(page)).toEqual([0, 1, 1]);
  });

  it("keeps showing the servers when nobody tells the topology any more", async () => {
    const { exporter, primary, replica, sentinel } = await pair();
    await exporter.scrape();
    await sentinel.kill();
    const page = await exporter.scrape();
    expect(page.verdict("rate_limit")).toBe("refused");
    expect([primary, replica].map((server) => node(page, server).up)).toEqual([1, 1]);
    await replica.kill();
    expect(node(await exporter.scrape(), replica)).toEqual({ up: 0 });
  });

  it("tells a wrong password on the one server from the other, which is well", async () => {
    const secret = "password-of-both";
    const { primary, replica, role } = await replicated(secret);
    const exporter = await startExporter(workspace, {
      roles: { rate_limit: { ...role, password: await secretFile(workspace, secret) } },
    });
    await exporter.scrapeUntil("both to be up", (page) =>
      [primary, replica].every((server) => node(page, server).up === 1),
    );
    await withRedis(replica.port, (client) => client.config("SET", "requirepass", "another"), {
      password: secret,
    });
    const page = await exporter.scrape();
    expect(node(page, replica).up).toBe(0);
    expect(node(page, replica)).not.toHaveProperty("memory_used_bytes");
    expect(node(page, primary).up).toBe(1);
    const error = await nodesError(exporter, "rate_limit");
    expect(error).toContain(at(replica.port));
    expect(error).toContain("WRONGPASS");
    expect(`${page.text}${error}${exporter.log.join("")}`).not.toContain(secret);
  });
});

describe("a cluster’s node that redisops.yaml names twice", { timeout: patience }, () => {
  it("is reported once while nobody tells the topology", async () => {
    const nobody = `127.0.0.1:${await workspace.port()}`;
    const exporter = await startExporter(workspace, {
      roles: { registry: { topology: "cluster", nodes: [nobody, nobody] } },
    });
    expect((await exporter.scrape()).value("redisops_redis_up", { node: nobody })).toBe(0);
  });
});

describe("a server that hangs", { timeout: patience }, () => {
  it("is down by itself, and the role’s only other server answers", async () => {
    const hung: RedisServer = await startRedis(workspace, { name: "hung" });
    const other = await startRedis(workspace, { name: "other" });
    const exporter = await startExporter(workspace, {
      roles: { registry: alone(hung), sequence: alone(other) },
    });
    hung.pause();
    await frozen([hung.pid]);
    const page = await exporter.scrape(1);
    expect(node(page, hung)).toEqual({ up: 0 });
    expect(node(page, other).up).toBe(1);
    hung.resume();
    await exporter.scrapeUntil("the server to be up", (found) => node(found, hung).up === 1);
  });
});
