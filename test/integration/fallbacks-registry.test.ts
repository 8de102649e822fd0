import { Redis } from "ioredis";
import { Registry } from "prom-client";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { connectRedis } from "../../core/redis/connect.ts";
import type { ConnectionEvent } from "../../core/registry/connection-event.ts";
import { connectedUsers } from "../../core/registry/lookup.ts";
import { failed } from "../../fallbacks/guard/store-failure.ts";
import { RegistryClient } from "../../fallbacks/registry/registry-client.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { startRedisCluster } from "../../lab/servers/redis-cluster.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { connectionOf, pageOf } from "./fallbacks-registry-platform.ts";

let workspace: Workspace;
let server: RedisServer;
let direct: Redis;

beforeAll(async () => {
  workspace = await createWorkspace("fallbacks-registry");
  server = await startRedis(workspace, { name: "registry" });
  direct = new Redis({ port: server.port, maxRetriesPerRequest: null });
  direct.on("error", () => undefined);
});

beforeEach(async () => {
  await direct.flushall();
});

afterAll(async () => {
  direct.disconnect();
  await workspace.close();
});

const address = () => ({ topology: "standalone", address: `127.0.0.1:${server.port}` }) as const;

async function open(options: ConstructorParameters<typeof RegistryClient>[1] = {}, key?: string) {
  const client = new RegistryClient(
    { ...address(), key },
    { deadlineMs: 2_000, metrics: new Registry(), ...options },
  );
  workspace.register({ name: "client", stop: async () => client.close() });
  expect(await client.ready(patience)).toBe(true);
  return client;
}

const old = connectionOf("user-1", 0);
const recent = { ...connectionOf("user-1", 5_000), serverId: "server-2" };

describe("the registry's client", { timeout: patience }, () => {
  it("finds who is registered, for as long as the entry lives", async () => {
    const client = await open({ ttlMs: 60_000 });
    expect(await client.lookup("user-1")).toBeUndefined();
    expect(await client.register(old)).toBe("registered");
    expect(await client.lookup("user-1")).toMatchObject({
      serverId: "server-1",
      connectionId: old.connectionId,
      connectedAtMs: old.connectedAtMs,
      delivery: "queued",
    });
    const left = await direct.pttl("conn:user-1");
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(60_000);
    expect(await client.unregister(old)).toBe("unregistered");
    expect(await client.lookup("user-1")).toBeUndefined();
    expect(await client.unregister(old)).toBe("not_registered");
  });

  it("forgets who sends no heartbeats", async () => {
    const client = await open({ ttlMs: 50 });
    await client.register(old);
    await waitUntil(async () => (await client.lookup("user-1")) === undefined, {
      what: "the entry to expire",
      deadlineMs: patience,
    });
    expect(await client.heartbeat(old)).toBe("restored");
  });

  it("never lets an older connection replace, extend or remove a newer one's entry", async () => {
    const client = await open();
    await client.register(recent);
    const stored = await direct.get("conn:user-1");
    expect(await client.register(old)).toBe("superseded");
    expect(await client.heartbeat(old)).toBe("superseded");
    expect(await client.unregister(old)).toBe("not_registered");
    expect(await direct.get("conn:user-1")).toBe(stored);
    expect(await client.heartbeat(recent)).toBe("extended");
  });

  it("lets a newer connection take over, also when its registration was lost", async () => {
    const client = await open();
    await client.register(old);
    expect(await client.heartbeat(recent)).toBe("restored");
    expect((await client.lookup("user-1"))?.serverId).toBe("server-2");
    expect(await client.heartbeat(old)).toBe("superseded");
  });

  it("settles two connections of the same millisecond in favour of the later registration", async () => {
    const client = await open();
    const twin = { ...old, connectionId: "twin" };
    expect(await client.register(old)).toBe("registered");
    expect(await client.register(twin)).toBe("registered");
    expect(await client.heartbeat(old)).toBe("superseded");
    expect(await client.heartbeat(twin)).toBe("extended");
  });

  it("takes an entry of another layout for none, and replaces it", async () => {
    const client = await open();
    await direct.set("conn:user-1", "server-9");
    expect(await client.lookup("user-1")).toBeUndefined();
    expect(await client.unregister(old)).toBe("not_registered");
    expect(await client.heartbeat(old)).toBe("restored");
    expect((await client.lookup("user-1"))?.connectionId).toBe(old.connectionId);
  });

  it("changes how messages are delivered without touching owner or time to live", async () => {
    const client = await open({ ttlMs: 60_000 });
    expect(await client.markQueued("user-1")).toBe(true);
    expect(await client.lookup("user-1")).toBeUndefined();
    await client.register(old);
    const queued = await client.lookup("user-1");
    expect(queued?.delivery).toBe("queued");
    if (queued === undefined) return;
    expect(await client.markDirect("user-1", queued)).toBe(true);
    const found = await client.lookup("user-1");
    expect(found).toMatchObject({ delivery: "direct", connectionId: old.connectionId });
    expect(await direct.pttl("conn:user-1")).toBeGreaterThan(0);
    expect(await client.heartbeat(old)).toBe("extended");

    await client.markQueued("user-1");
    if (found === undefined) return;
    await client.markDirect("user-1", found);
    expect((await client.lookup("user-1"))?.delivery).toBe("queued");
  });

  it("takes keys from the pattern, literally, and is seen by readers that only ask whether a key exists", async () => {
    const client = await open({}, "live/{user_id}");
    await client.register(connectionOf("$&{user_id}"));
    expect(await direct.exists("live/$&{user_id}")).toBe(1);
    const connection = await connectRedis("registry", address(), { connect: 5_000, command: 5_000 });
    expect(await connectedUsers(connection, "live/{user_id}", ["$&{user_id}", "nobody"])).toEqual([
      true,
      false,
    ]);
    connection.close();
  });

  it("refuses ids that its layout cannot hold", async () => {
    const client = await open();
    await expect(client.register({ ...old, serverId: "a b" })).rejects.toThrow(TypeError);
    await expect(client.heartbeat({ ...old, connectionId: "" })).rejects.toThrow(TypeError);
    await expect(client.unregister({ ...old, connectedAtMs: 1.5 })).rejects.toThrow(TypeError);
  });

  it("sends many heartbeats and tells which connections are superseded", async () => {
    const client = await open();
    const connections = Array.from({ length: 1_000 }, (_, n) => connectionOf(`user-${n}`));
    for (const n of [3, 4]) await client.register(connectionOf(`user-${n}`, 10));
    for (const n of [5, 6, 7]) await client.register(connectionOf(`user-${n}`));
    const summary = await client.heartbeatAll(connections);
    expect(summary).toMatchObject({ extended: 3, restored: 995, unavailable: 0 });
    expect(summary.superseded.map(({ userId }) => userId).toSorted()).toEqual(["user-3", "user-4"]);
  });

  it("answers while the registry hangs: everybody is offline, nothing throws, and it heals", async () => {
    const metrics = new Registry();
    const client = await open({ deadlineMs: 100, metrics });
    await client.register(old);
    server.pause();
    await frozen([server.pid]);
    try {
      expect(await client.lookup("user-1")).toBeUndefined();
      expect(failed(await client.find("user-1"))).toBe(true);
      expect(await client.entriesOf(["user-1", "user-2"])).toBeUndefined();
      expect(await client.register(recent)).toBe("unavailable");
      expect(await client.unregister(old)).toBe("unavailable");
      expect(await client.markQueued("user-1")).toBe(false);
      const summary = await client.heartbeatAll([old, recent]);
      expect(summary).toEqual({ extended: 0, restored: 0, unavailable: 2, superseded: [] });

      const connections = Array.from({ length: 100_000 }, (_, n) => connectionOf(`user-${n}`));
      let ended = false;
      let loops = 0;
      const count = () => {
        loops += 1;
        if (!ended) setImmediate(count);
      };
      setImmediate(count);
      expect((await client.heartbeatAll(connections)).unavailable).toBe(100_000);
      ended = true;
      expect(loops).toBeGreaterThan(50);
    } finally {
      server.resume();
    }
    await waitUntil(async () => (await client.heartbeat(recent)) === "extended" || null, {
      what: "the registry to answer again",
      deadlineMs: patience,
    });
    expect((await client.lookup("user-1"))?.serverId).toBe("server-2");
    const page = await pageOf(metrics);
    const role = "registry";
    expect(page.value("redisops_decisions_degraded_total", { role, fallback: "offline" })).toBe(2);
    expect(page.value("redisops_decisions_total", { role })).toBe(3);
  });

  it("is whole again after an empty restart, by heartbeats", async () => {
    const client = await open();
    const connections = Array.from({ length: 50 }, (_, n) => connectionOf(`user-${n}`));
    await client.heartbeatAll(connections);
    const entry = await client.lookup("user-1");
    if (entry !== undefined) await client.markDirect("user-1", entry);
    await server.restart({ empty: true });
    await waitUntil(
      async () => {
        const { extended } = await client.heartbeatAll(connections);
        return extended === 50;
      },
      { what: "all entries to be back", deadlineMs: patience },
    );
    expect(await direct.dbsize()).toBe(50);
    expect((await client.lookup("user-1"))?.delivery).toBe("queued");
  });

  it("tells of connections also while the registry is away, and not of the end of a superseded one", async () => {
    const told: ConnectionEvent[] = [];
    const client = await open({ events: { publish: (event) => told.push(event) } });
    const { serverId, connectionId, connectedAtMs } = recent;
    await client.register(recent);
    await client.register(old);
    await client.unregister(old);
    const connected = { kind: "connected", userId: "user-1", serverId, connectionId, atMs: connectedAtMs };
    expect(told).toEqual([connected]);
    await server.kill();
    try {
      await client.register(recent);
      await client.unregister(recent);
      expect(told.slice(1).map(({ kind }) => kind)).toEqual(["connected", "disconnected"]);
    } finally {
      await server.restart({ empty: true });
    }
  });

  it("works over a cluster", async () => {
    const { nodes } = await startRedisCluster(workspace, { name: "node", shards: 3 });
    const client = new RegistryClient(
      { topology: "cluster", nodes: nodes.map(({ port }) => `127.0.0.1:${port}`) },
      { deadlineMs: 2_000, metrics: new Registry() },
    );
    workspace.register({ name: "cluster client", stop: async () => client.close() });
    await client.ready(patience);
    const connections = Array.from({ length: 60 }, (_, n) => connectionOf(`user-${n}`));
    await waitUntil(async () => (await client.heartbeatAll(connections)).extended === 60, {
      what: "60 entries",
      deadlineMs: patience,
    });
    const entries = await client.entriesOf([...connections.map(({ userId }) => userId), "nobody"]);
    expect(entries?.size).toBe(60);
    for (const connection of connections) expect(await client.unregister(connection)).toBe("unregistered");
  });
});
