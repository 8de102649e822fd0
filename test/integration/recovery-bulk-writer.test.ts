import { randomBytes } from "node:crypto";
import { Cluster, Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RedisConnectionConfig } from "../../core/config/redis-section.ts";
import { Secret } from "../../core/config/secret.ts";
import { openBulkWriter } from "../../core/redis/bulk/bulk-writer.ts";
import { RedisScript } from "../../core/redis/script.ts";
import { startRedis } from "../../lab/servers/redis.ts";
import { type RedisCluster, startRedisCluster } from "../../lab/servers/redis-cluster.ts";
import { startSentinel } from "../../lab/servers/sentinel.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { selfSignedCertificate, startTlsRedis } from "./exporter-redis-servers.ts";

const timeouts = { connect: patience, command: patience };
const count = 20_000;
const keys = Array.from({ length: count }, (_, n) => `key:${n}`);
const marked = new RedisScript("redis.call('SET', KEYS[1], ARGV[1]) return 7");

let workspace: Workspace;

beforeAll(async () => {
  workspace = await createWorkspace("recovery-bulk-writer");
});
afterAll(() => workspace?.close());

const standalone = (port: number, more: object = {}): RedisConnectionConfig => ({
  topology: "standalone",
  address: `127.0.0.1:${port}`,
  ...more,
});

async function writeAll(config: RedisConnectionConfig, onThousand?: (thousand: number) => Promise<void>) {
  const writer = await openBulkWriter("registry", config, timeouts, { windowBytes: 64 * 1024 });
  try {
    for (const [n, key] of keys.entries()) {
      writer.send(key, "SET", key, n);
      if (n % 100 === 0) await writer.room();
      if (n % 1_000 === 0) await onThousand?.(n / 1_000);
    }
    const sets = await writer.flush();
    for (const key of keys) writer.send(key, "GET", `${key}`);
    writer.send("key:none", "GET", "key:none");
    for (const key of keys) writer.send(key, "INCRBY", key, 1);
    return { sets, rest: await writer.flush() };
  } finally {
    writer.close();
  }
}

const expected = {
  sets: { answered: count, sum: 0, nulls: 0 },
  rest: { answered: 2 * count + 1, sum: (count * (count + 1)) / 2, nulls: 1 },
};

describe("a bulk writer to one server", () => {
  let port: number;
  let client: Redis;
  beforeAll(async () => {
    port = (await startRedis(workspace, { name: "standalone" })).port;
    client = new Redis(port);
  });
  beforeEach(async () => void (await client.flushall()));
  afterAll(() => client?.disconnect());

  it("carries commands out in order and counts what they were answered with", async () => {
    expect(await writeAll(standalone(port))).toEqual(expected);
    expect(await client.get("key:19999")).toBe("20000");
  });

  it("takes words of any bytes and any size", async () => {
    const writer = await openBulkWriter("registry", standalone(port), timeouts);
    const large = randomBytes(3_000_000);
    const odd = Array.from({ length: 256 }, (_, code) => String.fromCodePoint(code)).join("");
    const replies: unknown[] = [];
    writer.send("large", "SET", "large", large);
    writer.send(odd, "SET", odd, "€𝄞\r\n$5");
    writer.sendWithReply("large", (reply) => replies.push(reply), "GET", "large");
    writer.sendWithReply("l", (reply) => replies.push(reply), "MGET", odd, "none", "large");
    await writer.flush();
    // Comparing megabytes byte by byte takes the test runner seconds.
    const short = (reply: unknown): unknown =>
      Array.isArray(reply)
        ? reply.map(short)
        : Buffer.isBuffer(reply) && reply.equals(large)
          ? "large"
          : reply;
    expect(short(replies)).toEqual(["large", [Buffer.from("€𝄞\r\n$5"), null, "large"]]);
    writer.close();
  });

  it("gives a server the script that it does not know, or has forgotten", async () => {
    const writer = await openBulkWriter("registry", standalone(port), timeouts);
    writer.sendScript(marked, "a", ["1"]);
    expect(await writer.flush()).toMatchObject({ answered: 1, sum: 7 });
    await client.script("FLUSH");
    for (const key of ["b", "c"]) writer.sendScript(marked, key, ["2"]);
    expect(await writer.flush()).toMatchObject({ answered: 2, sum: 14 });
    expect(await client.mget("a", "b", "c")).toEqual(["1", "2", "2"]);
    writer.close();
  });

  it("ends with the first error, which names neither key nor value", async () => {
    const writer = await openBulkWriter("registry", standalone(port), timeouts);
    await client.set("text", "secret-value");
    writer.send("text", "LPUSH", "text", "secret-value");
    const flushed = writer.flush();
    await expect(flushed).rejects.toMatchObject({
      code: "REDIS_ERROR",
      target: `registry Redis at 127.0.0.1:${port}`,
    });
    await expect(flushed).rejects.toThrow(/^(?!.*secret-value)/s);
    writer.send("text", "DEL", "text");
    await expect(writer.room()).rejects.toMatchObject({ code: "REDIS_ERROR" });
    await expect(writer.flush()).rejects.toMatchObject({ code: "REDIS_ERROR" });
    expect(await client.get("text")).toBe("secret-value");
    writer.close();
  });

  it("logs in, and says when it is not let in", async () => {
    const password = randomBytes(12).toString("hex");
    const server = await startRedis(workspace, {
      name: "password",
      config: [`requirepass ${password}`, `user ops on >${password} ~* +@all`],
    });
    process.env.BULK_WRITER_PASSWORD = password;
    process.env.BULK_WRITER_WRONG = "wrong";
    const secret = new Secret("${BULK_WRITER_PASSWORD}");
    for (const access of [{ password: secret }, { username: "ops", password: secret }]) {
      expect(await writeAll(standalone(server.port, access))).toEqual(expected);
    }
    for (const access of [{}, { password: new Secret("${BULK_WRITER_WRONG}") }]) {
      await expect(
        openBulkWriter("registry", standalone(server.port, access), timeouts),
      ).rejects.toMatchObject({
        code: "REDIS_AUTH",
      });
    }
  });

  it("speaks TLS, to a server whose certificate is the expected one", async () => {
    const pair = await selfSignedCertificate(workspace, "tls");
    const address = { address: `127.0.0.1:${await startTlsRedis(workspace, pair)}` };
    const tls = { ca_file: pair.certificate };
    expect(await writeAll(standalone(0, { ...address, tls }))).toEqual(expected);
    await expect(
      openBulkWriter("registry", standalone(0, { ...address, tls: {} }), timeouts),
    ).rejects.toMatchObject({ code: "REDIS_UNREACHABLE" });
  });

  it("tells a server that hangs from one that died and one that is not there", async () => {
    const server = await startRedis(workspace, { name: "hangs" });
    const impatient = { connect: 500, command: 500 };
    const writer = await openBulkWriter("registry", standalone(server.port), impatient);
    server.pause();
    await frozen([server.pid]);
    writer.send("a", "SET", "a", "1");
    await expect(writer.flush()).rejects.toMatchObject({ code: "REDIS_TIMEOUT" });
    await expect(openBulkWriter("registry", standalone(server.port), impatient)).rejects.toMatchObject({
      code: "REDIS_TIMEOUT",
    });
    server.resume();
    const other = await openBulkWriter("registry", standalone(server.port), timeouts);
    await server.kill();
    other.send("a", "SET", "a", "1");
    await expect(other.flush()).rejects.toMatchObject({ code: "REDIS_UNREACHABLE" });
    await expect(openBulkWriter("registry", standalone(server.port), timeouts)).rejects.toMatchObject({
      code: "REDIS_REFUSED",
    });
    writer.close();
    other.close();
  });

  it("does not take its own business for silence of the server", async () => {
    const writer = await openBulkWriter("registry", standalone(port), { connect: 5_000, command: 300 });
    writer.send("a", "SET", "a", "1");
    await new Promise((resolve) => setImmediate(resolve));
    const end = performance.now() + 1_000;
    while (performance.now() < end);
    expect(await writer.flush()).toMatchObject({ answered: 1 });
    writer.close();
  });
});

describe("a bulk writer behind Sentinel", () => {
  it("writes to the primary", async () => {
    const primary = await startRedis(workspace, { name: "primary" });
    const sentinel = await startSentinel(workspace, { name: "sentinel", primary, primaryName: "main" });
    const config: RedisConnectionConfig = {
      topology: "sentinel",
      sentinels: [`127.0.0.1:${sentinel.port}`],
      primary: "main",
    };
    expect(await writeAll(config)).toEqual(expected);
  });
});

describe("a bulk writer to a cluster", () => {
  let cluster: RedisCluster;
  let config: RedisConnectionConfig;
  let client: Cluster;
  beforeAll(async () => {
    cluster = await startRedisCluster(workspace, { name: "cluster", shards: 3 });
    config = { topology: "cluster", nodes: [cluster.addresses[0] ?? ""] };
    client = new Cluster([{ host: "127.0.0.1", port: cluster.nodes[0]?.port ?? 0 }]);
  });
  afterAll(() => client?.disconnect());

  it("sends each key to its primary, also while its slot moves", async () => {
    expect(await writeAll(config)).toEqual(expected);
    const [from, to] = [await cluster.primaryOf(0), await cluster.primaryOf(1)];
    const slots = (await cluster.slotsOf(0)).slice(0, 40);
    let moving: Promise<void> = Promise.resolve();
    const written = await writeAll(config, async (thousand) => {
      if (thousand === 2) moving = cluster.moveSlots(from, to, slots);
    });
    await moving;
    expect(written).toEqual(expected);
    const writer = await openBulkWriter("registry", config, timeouts);
    for (const key of keys) writer.sendScript(marked, key, ["x"]);
    await cluster.moveSlots(to, from, slots);
    for (const key of keys) writer.sendScript(marked, key, ["y"]);
    expect(await writer.flush()).toEqual({ answered: 2 * count, sum: 14 * count, nulls: 0 });
    writer.close();
    const values = await Promise.all(keys.map((key) => client.get(key)));
    expect(values.filter((value) => value !== "y").length).toBe(0);
  });
});
