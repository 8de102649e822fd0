import { compatibilityPartitioner, Producer } from "@platformatic/kafka";
import { Cluster, Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type ConnectionEvent, formatConnectionEvent } from "../../core/registry/connection-event.ts";
import { parseEntry } from "../../core/registry/entry.ts";
import { registerScript } from "../../core/registry/scripts.ts";
import { type KafkaServer, startKafka } from "../../lab/servers/kafka.ts";
import { startRedis } from "../../lab/servers/redis.ts";
import { startRedisCluster } from "../../lab/servers/redis-cluster.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { registry } from "../../recovery/registry/registry.ts";
import { patience } from "../fixtures/processes.ts";
import { registryContext, runWith, SharedParts } from "../fixtures/registry-recovery.ts";

const now = Date.now();
const day = 86_400_000;
/** Every character that UTF-8 takes one or two bytes for, and some of three and four. */
const oddUser = `${Array.from({ length: 0x800 }, (_, code) => String.fromCodePoint(code)).join("")}€𝄞`;

let workspace: Workspace;
let kafka: KafkaServer;
let producer: Producer<Buffer, Buffer, Buffer, Buffer>;
let topics = 0;

beforeAll(async () => {
  workspace = await createWorkspace("recovery-registry");
  kafka = await startKafka(workspace);
  producer = new Producer({
    clientId: "test",
    bootstrapBrokers: [kafka.brokers],
    partitioner: compatibilityPartitioner,
    // The leader of a partition of a new topic may not be known yet: what is sent again must not count twice.
    idempotent: true,
  });
}, 11 * patience);
afterAll(async () => {
  await producer?.close();
  await workspace?.close();
});

function connected(userId: string, connectionId: string, atMs = now - 1_000): ConnectionEvent {
  return { kind: "connected", userId, serverId: "10.0.0.7:9000", connectionId, atMs };
}
const disconnected = (userId: string, connectionId: string, atMs = now): ConnectionEvent => ({
  ...connected(userId, connectionId, atMs),
  kind: "disconnected",
});

interface Dirt {
  readonly key: string;
  readonly value: Buffer | string | undefined;
}

async function publish(topic: string, events: readonly (ConnectionEvent | Dirt)[]): Promise<void> {
  const messages = events.map((event) => {
    const { key, value } =
      "kind" in event ? { key: event.userId, value: formatConnectionEvent(event) } : event;
    return {
      topic,
      key: Buffer.from(key),
      ...(value === undefined ? {} : { value: Buffer.from(value) }),
    };
  });
  for (let start = 0; start < messages.length; start += 1_000) {
    await producer.send({ messages: messages.slice(start, start + 1_000) as never });
  }
}

async function topicOf(events: readonly (ConnectionEvent | Dirt)[], partitions = 3): Promise<string> {
  const topic = `connections-${++topics}`;
  await kafka.createTopic(topic, {
    partitions,
    compacted: true,
    settings: { "max.message.bytes": "3000000" },
  });
  await publish(topic, events);
  return topic;
}

const users = (count: number, from = 0) => Array.from({ length: count }, (_, n) => `user-${from + n}`);
const filler = (bytes: number): Dirt => ({ key: "filler", value: Buffer.alloc(bytes, 0xff) });

describe.each(["standalone", "cluster"] as const)("recover registry on %s", (topology) => {
  let role: Readonly<Record<string, unknown>>;
  let client: Redis | Cluster;

  beforeAll(async () => {
    if (topology === "standalone") {
      const server = await startRedis(workspace, { name: "registry" });
      role = { topology, address: `127.0.0.1:${server.port}` };
      client = new Redis(server.port);
    } else {
      const cluster = await startRedisCluster(workspace, { name: "registry-cluster", shards: 6 });
      role = { topology, nodes: [cluster.addresses[0]] };
      client = new Cluster(
        cluster.addresses.map((address) => ({ host: "127.0.0.1", port: Number(address.split(":")[1]) })),
      );
    }
  });
  afterAll(() => client?.disconnect());

  const nodes = () => (client instanceof Cluster ? client.nodes("master") : [client]);
  const flush = () => Promise.all(nodes().map((node) => node.flushall()));
  beforeEach(async () => void (await flush()));

  const platform = (topic: string) =>
    registryContext({
      roles: { registry: role },
      kafka: { brokers: [kafka.brokers], connection_events: { topic } },
    });
  const entryOf = async (user: string) => {
    const stored = await client.get(`conn:${user}`);
    return stored === null ? null : (parseEntry(stored) ?? "of another layout");
  };
  const connectionOf = async (user: string) => {
    const entry = await entryOf(user);
    return typeof entry === "object" ? (entry?.connectionId ?? null) : entry;
  };

  it("enters the users whose newest event is a connection, and nobody else", async () => {
    const topic = await topicOf([
      connected("stays", "c1"),
      connected("leaves", "c1"),
      disconnected("leaves", "c1"),
      connected("moves", "c1", now - 9_000),
      connected("moves", "c2", now - 5_000),
      disconnected("moves", "c1"),
      connected("moved-out-of-order", "c2", now - 5_000),
      connected("moved-out-of-order", "c1", now - 9_000),
      disconnected("ended-out-of-order", "c1"),
      connected("ended-out-of-order", "c1"),
      connected("long-ago", "c1", now - 8 * day),
      connected("of-the-future", "c1", now + 2 * day),
      connected(oddUser, "c1"),
      connected("white-space", "c 1"),
      { ...connected("no-server", "c1"), serverId: "" },
      { key: "forgotten", value: undefined },
      { key: "malformed", value: "{" },
      { key: "malformed", value: '{"version":2,"kind":"connected"}' },
      { key: "malformed", value: Buffer.from([0xff, 0, 0xfe]) },
      { key: "large", value: `{"version":1,"kind":"${"x".repeat(1_000_000)}"}` },
    ]);
    const { context, warnings } = platform(topic);
    const plan = await registry.plan(context);
    expect(plan).toMatchObject({ hasChanges: true, items: 20 });
    await registry.execute(context, plan, runWith(new SharedParts()));

    const found: Record<string, unknown> = {};
    for (const user of ["stays", "moves", "moved-out-of-order", oddUser])
      found[user] = await connectionOf(user);
    expect(found).toEqual({ stays: "c1", moves: "c2", "moved-out-of-order": "c2", [oddUser]: "c1" });
    const sizes = (client instanceof Cluster ? client.nodes("master") : [client]).map((node) =>
      node.dbsize(),
    );
    expect((await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)).toBe(4);

    const entry = await entryOf("stays");
    expect(entry).toMatchObject({
      serverId: "10.0.0.7:9000",
      connectedAtMs: now - 1_000,
      delivery: "queued",
    });
    expect(await client.pttl("conn:stays")).toBeGreaterThan(30_000);
    expect(await client.pttl("conn:stays")).toBeLessThanOrEqual(60_000);
    const counted = warnings.map((warning) => Number(/^[\d,]+/.exec(warning)?.[0]));
    expect(counted.reduce((sum, count) => sum + count, 0)).toBe(7);

    expect(await registry.verify(context, plan)).toMatchObject({
      holds: true,
      figures: { users_sampled: 4, users_missing: 0 },
    });
    await client.del("conn:moves");
    expect(await registry.verify(context, plan)).toMatchObject({
      holds: false,
      figures: { users_missing: 1 },
    });
  });

  it("leaves what live connections have written, and undoes what ended while it ran", async () => {
    const topic = await topicOf(
      ["reconnects", "same", "older", "ends", "alone"].map((user) => connected(user, "c1")),
    );
    const { context } = platform(topic);
    const plan = await registry.plan(context);
    let paced = 0;
    const live = async () => {
      if (paced++ > 0) return;
      await registerScript.run(client, ["conn:reconnects"], [now, "c2", "other-server", 60_000]);
      await client.set("conn:same", `1 ${now - 1_000} c1 10.0.0.7:9000 direct ${now}`, "PX", 50_000);
      await registerScript.run(client, ["conn:older"], [now - 5_000, "c0", "other-server", 60_000]);
      await publish(topic, [disconnected("ends", "c1")]);
    };
    await registry.execute(context, plan, runWith(new SharedParts(), live));
    expect(await entryOf("reconnects")).toMatchObject({ connectionId: "c2", serverId: "other-server" });
    expect(await client.get("conn:same")).toBe(`1 ${now - 1_000} c1 10.0.0.7:9000 direct ${now}`);
    expect(await client.pttl("conn:same")).toBeLessThanOrEqual(50_000);
    expect(await connectionOf("older")).toBe("c1");
    expect(await entryOf("ends")).toBeNull();
    expect(await connectionOf("alone")).toBe("c1");
    expect(await registry.verify(context, plan)).toMatchObject({ holds: true });
  });

  it("decides across batches as within one", async () => {
    const topic = await topicOf(
      [connected("twice", "c1"), connected("superseded", "c2", now - 9_000), disconnected("late", "c1")],
      1,
    );
    // More than is read at a time; what one call sends is never cut.
    for (let n = 0; n < 2; n++) await publish(topic, [filler(900_000)]);
    await publish(topic, [
      disconnected("twice", "c1"),
      connected("superseded", "c3", now - 5_000),
      disconnected("superseded", "c3"),
      connected("late", "c1"),
    ]);
    const { context } = platform(topic);
    const plan = await registry.plan(context);
    await registry.execute(context, plan, runWith(new SharedParts()));
    for (const user of ["twice", "superseded", "late"])
      expect([user, await entryOf(user)]).toEqual([user, null]);
  });

  it("goes on in the middle of a partition, and shares its partitions", async () => {
    const half = users(12_000);
    const rest = users(12_000, half.length);
    const topic = await topicOf(
      [...half, ...rest].map((user) => connected(user, `c-${user}`)),
      4,
    );
    const { context } = platform(topic);
    const plan = await registry.plan(context);
    const parts = new SharedParts();
    let paced = 0;
    const dies = () => {
      if (++paced > 3) throw new Error("killed");
    };
    await expect(registry.execute(context, plan, runWith(parts, dies))).rejects.toThrow("killed");
    parts.release();
    const { work } = registry;
    await Promise.all([
      registry.execute(context, plan, runWith(parts, undefined, "a")),
      work?.(context, plan, runWith(parts, undefined, "b")),
    ]);
    expect(new Set(parts.finishedBy.values())).toEqual(new Set(["a", "b"]));
    const absent = async () => {
      const present = await Promise.all([...half, ...rest].map((user) => client.exists(`conn:${user}`)));
      return present.filter((exists) => exists === 0).length;
    };
    expect(await absent()).toBe(0);

    for (const [agoMs, lost] of [
      [20_000, 1_000],
      // What was written before then may have expired, at a life of 60 s.
      [31_000, 0],
    ] as const) {
      await flush();
      const halfDone = new SharedParts();
      halfDone.positions.set("partition 2", { position: 1_000, atMs: Date.now() - agoMs });
      await registry.execute(context, plan, runWith(halfDone));
      expect(await absent()).toBe(lost);
    }
  });
});

describe("recover registry without a usable source", () => {
  let address: string;
  beforeAll(async () => {
    address = `127.0.0.1:${(await startRedis(workspace, { name: "bare" })).port}`;
  });
  const planOf = (sections: Readonly<Record<string, unknown>>, source?: "kafka" | "postgres") =>
    registry.plan(
      registryContext({ roles: { registry: { topology: "standalone", address } }, ...sections }, source)
        .context,
    );

  it("has nothing to do on an empty topic", async () => {
    const topic = await topicOf([]);
    const kafkaSection = { brokers: [kafka.brokers], connection_events: { topic } };
    expect(await planOf({ kafka: kafkaSection })).toMatchObject({ hasChanges: false, items: 0 });
  });

  it("says that the topic is missing, or the section", async () => {
    const nowhere = { brokers: [kafka.brokers], connection_events: { topic: "nowhere" } };
    await expect(planOf({ kafka: nowhere })).rejects.toMatchObject({ code: "KAFKA_TOPIC_MISSING" });
    await expect(planOf({})).rejects.toMatchObject({ code: "CONFIG_INCOMPLETE" });
    await expect(planOf({ kafka: nowhere }, "postgres")).rejects.toMatchObject({ code: "CONFIG_INCOMPLETE" });
  });

  it("pins the topic, its positions and the registry's process", async () => {
    const topic = await topicOf([connected("a", "c1")], 1);
    const kafkaSection = { brokers: [kafka.brokers], connection_events: { topic } };
    const { context } = registryContext({
      roles: { registry: { topology: "standalone", address } },
      kafka: kafkaSection,
    });
    const pins = await registry.pins(context);
    expect(pins).toContainEqual({ of: "source", label: `end of partition 0 of ${topic}`, value: 1 });
    expect(pins.find(({ label }) => label === `id of topic ${topic}`)?.value).toMatch(/^[0-9a-f-]{32,36}$/);
    expect(pins.filter(({ of }) => of === "target").length).toBeGreaterThan(0);
  });
});
