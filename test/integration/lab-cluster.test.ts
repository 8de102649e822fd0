import { readFileSync } from "node:fs";
import { Cluster } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { slotCount, slotOfKey } from "../../lab/servers/cluster-slots.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { type ClusterNode, type RedisCluster, startRedisCluster } from "../../lab/servers/redis-cluster.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";

const secret = "s3cret-of-the-cluster";

const myId = (node: ClusterNode) =>
  withRedis(node.port, async (client) => String(await client.call("CLUSTER", "MYID")));

const roleOf = (node: ClusterNode) =>
  withRedis(node.port, async (client) => /role:(\w+)/.exec(await client.info("replication"))?.[1]);

/** Asks that node alone, without following a redirection. */
const answerOf = (node: ClusterNode, ...command: [string, ...string[]]) =>
  withRedis(node.port, async (client) => {
    const [name, ...args] = command;
    return client.call(name, ...args).catch((error: Error) => error.message);
  });

describe("a Redis Cluster of the lab", { timeout: 2 * patience }, () => {
  let workspace: Workspace;
  let cluster: RedisCluster;

  beforeAll(async () => {
    workspace = await createWorkspace("test");
    cluster = await startRedisCluster(workspace, { name: "cluster", shards: 3, replicasPerShard: 1 });
  }, patience);

  afterAll(() => workspace.close());

  async function withCluster<T>(work: (client: Cluster) => Promise<T>): Promise<T> {
    const client = new Cluster(
      cluster.nodes.map(({ port }) => ({ host: "127.0.0.1", port })),
      { redisOptions: { protocol: 2 } },
    );
    client.on("error", () => undefined);
    try {
      return await work(client);
    } finally {
      client.disconnect();
    }
  }

  it("serves every slot from one of its primaries, each with its replica", async () => {
    const served = await Promise.all([0, 1, 2].map((shard) => cluster.slotsOf(shard)));
    expect(served.flat().toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: slotCount }, (_, slot) => slot),
    );
    for (const node of cluster.nodes) {
      expect(await roleOf(node)).toBe(node.createdAs === "primary" ? "master" : "slave");
    }
    expect(cluster.nodes.map(({ shard }) => shard)).toEqual([0, 0, 1, 1, 2, 2]);
    await withCluster(async (client) => {
      for (let n = 0; n < 100; n++) await client.set(`spread:${n}`, n);
    });
  });

  it("knows the slot of a key as Redis does", async () => {
    const keys = ["123456789", "{user}:1", "a{user}b{other}", "{}key", "{open", "}{x}", "ключ", "{é}1", ""];
    const [node] = cluster.nodes;
    const theirs = await withRedis(node?.port ?? 0, (client) =>
      Promise.all(keys.map((key) => client.cluster("KEYSLOT", key))),
    );
    expect(keys.map(slotOfKey)).toEqual(theirs);
    expect(slotOfKey("123456789")).toBe(0x31c3);
  });

  it("answers ASK while a slot is moved and MOVED afterwards, and takes the keys along", async () => {
    const slot = slotOfKey("{ask}");
    const [from, to] = [await cluster.primaryOf(ownerShard(slot)), await otherPrimary(slot)];
    await withRedis(from.port, async (client) => {
      for (let n = 0; n < 250; n++) await client.set(`{ask}:${n}`, n);
    });
    await cluster.moveSlots(from, to, [slot], {
      whileOpen: async () => {
        expect(await answerOf(from, "GET", "{ask}:0")).toBe("0");
        expect(await answerOf(from, "GET", "{ask}:new")).toBe(`ASK ${slot} 127.0.0.1:${to.port}`);
      },
    });
    expect(await answerOf(from, "GET", "{ask}:0")).toBe(`MOVED ${slot} 127.0.0.1:${to.port}`);
    expect(await answerOf(to, "GET", "{ask}:249")).toBe("249");
    expect(await answerOf(to, "CLUSTER", "COUNTKEYSINSLOT", String(slot))).toBe(250);
    await cluster.moveSlots(to, from, [slot]);
    expect(await answerOf(from, "CLUSTER", "COUNTKEYSINSLOT", String(slot))).toBe(250);
  });

  it("moves slots under load without losing a write", async () => {
    const [from, to] = [await cluster.primaryOf(0), await cluster.primaryOf(1)];
    const slots = (await cluster.slotsOf(0)).slice(0, 300);
    await withCluster(async (client) => {
      let moving = true;
      let written = 0;
      const load = (async () => {
        while (moving) {
          await Promise.all(Array.from({ length: 50 }, () => client.incr(`load:${written++ % 20_000}`)));
        }
      })();
      await cluster.moveSlots(from, to, slots).finally(() => {
        moving = false;
      });
      await load;
      const values = await Promise.all(
        Array.from({ length: 20_000 }, async (_, n) => Number(await client.get(`load:${n}`))),
      );
      expect(values.reduce((sum, value) => sum + value, 0)).toBe(written);
    });
    const movedTo = new Set(await cluster.slotsOf(1));
    expect(slots.every((slot) => movedTo.has(slot))).toBe(true);
  });

  it("names the new primary after a failover, and the old one comes back empty as its replica", async () => {
    const key = "{failover}:key";
    const shard = await shardOfSlot(slotOfKey(key));
    const old = await cluster.primaryOf(shard);
    const id = await myId(old);
    await withRedis(old.port, async (client) => {
      await client.set(key, "kept");
      await client.wait(1, 5000);
    });
    await old.server.kill();
    const next = await waitUntil(
      async () => {
        const primary = await cluster.primaryOf(shard);
        return primary === old ? undefined : primary;
      },
      { what: "a new primary", deadlineMs: patience },
    );
    expect(next.shard).toBe(shard);
    await old.server.restart({ empty: true });
    await cluster.untilSettled();
    expect(await myId(old)).toBe(id);
    expect(await roleOf(old)).toBe("slave");
    expect(await withCluster((client) => client.get(key))).toBe("kept");
  });

  it("names its primaries while one of them hangs", async () => {
    const before = await Promise.all([0, 1, 2].map((shard) => cluster.primaryOf(shard)));
    const [hanging, , third] = before;
    hanging?.server.pause();
    await frozen([hanging?.server.pid ?? 0]);
    expect(await cluster.primaryOf(2)).toBe(third);
    hanging?.server.resume();
    await cluster.untilSettled();
  });

  async function shardOfSlot(slot: number): Promise<number> {
    for (const shard of [0, 1, 2]) if ((await cluster.slotsOf(shard)).includes(slot)) return shard;
    throw new Error(`nobody serves ${slot}`);
  }

  /** Before anything was moved. */
  const ownerShard = (slot: number) => Math.min(2, Math.floor((slot * 3) / slotCount));
  const otherPrimary = (slot: number) => cluster.primaryOf((ownerShard(slot) + 1) % 3);
});

describe("another Redis Cluster of the lab", { timeout: 2 * patience }, () => {
  let workspace: Workspace;

  afterEach(() => workspace.close());

  it("takes a password that its arguments do not show, also for replicas and for moving keys", async () => {
    workspace = await createWorkspace("test");
    const cluster = await startRedisCluster(workspace, {
      name: "locked",
      shards: 3,
      replicasPerShard: 1,
      password: secret,
      config: ["maxmemory-policy allkeys-lru"],
    });
    const unlocked = <T>(node: ClusterNode, work: Parameters<typeof withRedis<T>>[1]) =>
      withRedis(node.port, work, { password: secret });
    const [from, to] = [await cluster.primaryOf(0), await cluster.primaryOf(1)];
    const key = keyIn(await cluster.slotsOf(0));
    expect(await answerOf(from, "DBSIZE")).toMatch(/NOAUTH/);
    expect(await unlocked(from, (client) => client.config("GET", "maxmemory-policy"))).toContain(
      "allkeys-lru",
    );
    if (process.platform === "linux") {
      expect(readFileSync(`/proc/${from.server.pid}/cmdline`, "utf8")).not.toContain("s3cret");
    }
    await unlocked(from, (client) => client.set(key, "value"));
    await cluster.moveSlots(from, to, [slotOfKey(key)]);
    expect(await unlocked(to, (client) => client.get(key))).toBe("value");
  });

  it("keeps its members and slots when a node comes back empty", async () => {
    workspace = await createWorkspace("test");
    const cluster = await startRedisCluster(workspace, {
      name: "durable",
      shards: 3,
      config: ["appendonly yes"],
    });
    const node = await cluster.primaryOf(0);
    const slots = await cluster.slotsOf(0);
    const key = keyIn(slots);
    await withRedis(node.port, (client) => client.set(key, "value"));
    const id = await myId(node);

    await node.server.restart({ empty: false });
    await cluster.untilSettled();
    expect(await answerOf(node, "GET", key)).toBe("value");

    await node.server.restart({ empty: true });
    await cluster.untilSettled();
    expect(await myId(node)).toBe(id);
    expect(await cluster.slotsOf(0)).toEqual(slots);
    expect(await answerOf(node, "GET", key)).toBeNull();
  });

  function keyIn(slots: readonly number[]): string {
    for (let n = 0; ; n++) if (slots.includes(slotOfKey(`key:${n}`))) return `key:${n}`;
  }
});
