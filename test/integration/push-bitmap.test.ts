import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { BitmapBuilder } from "../../core/filter/bitmap-builder.ts";
import { bitmapLayout, positions } from "../../core/filter/bitmap-layout.ts";
import { pushBitmap } from "../../core/filter/push-bitmap.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";

const KEY = "{dedup}:shadow";
const HOUR = 3600;

let workspace: Workspace;
let server: RedisServer;
let redis: Redis;

beforeAll(async () => {
  workspace = await createWorkspace("push-bitmap");
  server = await startRedis(workspace, { name: "dedup" });
  redis = new Redis({ port: server.port, maxRetriesPerRequest: 0, retryStrategy: () => null });
  redis.on("error", () => {});
});

afterEach(async () => {
  await redis.flushall();
});

afterAll(async () => {
  redis?.disconnect();
  await workspace?.close();
});

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => ((at * 31 + (at >> 8)) % 255) | 1);
}

/** Lets a call be made before each command of the given name is sent. */
function before(name: "setrange" | "pttl", nth: number, act: () => unknown): Redis {
  let count = 0;
  return new Proxy(redis, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        if (property === name && ++count === nth) act();
        return Reflect.apply(value, target, args);
      };
    },
  });
}

describe("pushBitmap", () => {
  test.each([
    { name: "one chunk", length: 1000, chunkBytes: 4096 },
    { name: "whole chunks", length: 16_384, chunkBytes: 4096 },
    { name: "a short last chunk", length: 10_001, chunkBytes: 4096 },
    { name: "one byte", length: 1, chunkBytes: 4096 },
    { name: "several mebibytes by default", length: 5 * 2 ** 20 + 3, chunkBytes: undefined },
  ])("writes exactly the bytes given, with an expiry: $name", async ({ length, chunkBytes }) => {
    const bits = pattern(length);
    await redis.set(KEY, Buffer.alloc(length + 50, 0xff));
    const progress: number[] = [];
    const sent = await pushBitmap(redis, {
      key: KEY,
      bits,
      expireSeconds: HOUR,
      onProgress: (bytes) => progress.push(bytes),
      ...(chunkBytes !== undefined && { chunkBytes }),
    });
    expect(sent).toBe(length);
    expect((await redis.getBuffer(KEY))?.equals(bits)).toBe(true);
    expect(await redis.ttl(KEY)).toBeGreaterThan(HOUR - 60);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    expect(progress.at(-1)).toBe(length);
    expect(progress).toHaveLength(Math.ceil(length / (chunkBytes ?? 2 ** 20)));
  });

  test.each([0, 1, 5000, 99_999])(
    "sends no all-zero tail but keeps the length: %i bytes used",
    async (used) => {
      const bits = new Uint8Array(100_000);
      bits.set(pattern(used));
      const sent = await pushBitmap(redis, { key: KEY, bits, expireSeconds: HOUR, chunkBytes: 4096 });
      expect(sent).toBe(used);
      expect((await redis.getBuffer(KEY))?.equals(bits)).toBe(true);
      expect(await redis.ttl(KEY)).toBeGreaterThan(0);
    },
  );

  test("writes what SETBIT and GETBIT mean by the layout's positions", async () => {
    const builder = new BitmapBuilder(bitmapLayout({ capacity: 500, errorRate: 0.01 }));
    for (let i = 0; i < 500; i++) {
      const id = Buffer.from(`msg:${i}`);
      builder.addRange(id, 0, id.length);
      const pipeline = redis.pipeline();
      for (const bit of positions(id, builder.layout).bits) pipeline.setbit("by-setbit", bit, 1);
      await pipeline.exec();
    }
    await redis.setrange(
      "by-setbit",
      builder.layout.bitsPerShard / 8 - 1,
      Buffer.from(builder.shards[0]?.slice(-1) ?? []),
    );
    for (const bits of builder.shards) await pushBitmap(redis, { key: KEY, bits, expireSeconds: HOUR });
    expect(
      (await redis.getBuffer(KEY))?.equals((await redis.getBuffer("by-setbit")) ?? Buffer.alloc(0)),
    ).toBe(true);
  });

  test("keeps no more bytes in flight than allowed", async () => {
    const bits = pattern(64 * 1024);
    let sent = 0;
    let acknowledged = 0;
    let most = 0;
    const counting = new Proxy(redis, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          const chunk = property === "set" ? args[1] : property === "setrange" ? args[2] : undefined;
          if (Buffer.isBuffer(chunk) && chunk.length > 1) {
            sent += chunk.length;
            most = Math.max(most, sent - acknowledged);
          }
          return Reflect.apply(value, target, args);
        };
      },
    });
    await pushBitmap(counting, {
      key: KEY,
      bits,
      expireSeconds: HOUR,
      chunkBytes: 1024,
      maxInFlightBytes: 4096,
      onProgress: (bytes) => {
        acknowledged = bytes;
      },
    });
    expect(sent).toBe(bits.length);
    expect(most).toBe(4096);
  });

  test("leaves a partial key with an expiry when it is aborted", async () => {
    const controller = new AbortController();
    const push = pushBitmap(redis, {
      key: KEY,
      bits: pattern(100_000),
      expireSeconds: HOUR,
      chunkBytes: 1000,
      maxInFlightBytes: 1000,
      onProgress: (bytes) => {
        if (bytes >= 5000) controller.abort();
      },
      signal: controller.signal,
    });
    await expect(push).rejects.toMatchObject({ name: "AbortError" });
    expect(await redis.strlen(KEY)).toBe(100_000);
    expect(await redis.ttl(KEY)).toBeGreaterThan(0);
    expect((await redis.getrange(KEY, 50_000, 50_999)).replaceAll("\0", "")).toBe("");
  });

  test("stops at an abort although the server hangs", async () => {
    const controller = new AbortController();
    server.pause();
    try {
      const push = pushBitmap(redis, {
        key: KEY,
        bits: pattern(10),
        expireSeconds: HOUR,
        signal: controller.signal,
      });
      setImmediate(() => controller.abort());
      await expect(push).rejects.toMatchObject({ name: "AbortError" });
    } finally {
      server.resume();
    }
  });

  test("sends nothing with a signal that is aborted already", async () => {
    const signal = AbortSignal.abort();
    await expect(
      pushBitmap(redis, { key: KEY, bits: pattern(10), expireSeconds: HOUR, signal }),
    ).rejects.toThrow();
    expect(await redis.exists(KEY)).toBe(0);
  });

  test("notices a key that disappears while it is written", async () => {
    const options = {
      key: KEY,
      bits: pattern(10_000),
      expireSeconds: HOUR,
      chunkBytes: 1000,
      maxInFlightBytes: 1000,
    };
    const early = before("setrange", 4, () => redis.del(KEY));
    await expect(pushBitmap(early, options)).rejects.toThrow("expired or was changed");
    const last = before("setrange", 10, () => redis.del(KEY));
    await expect(pushBitmap(last, options)).rejects.toThrow("time to live");
    const end = before("pttl", 1, () => redis.del(KEY));
    await expect(pushBitmap(end, options)).rejects.toThrow("expired while");
  });

  test("reports the server's error", async () => {
    await redis.config("SET", "maxmemory", "1mb", "maxmemory-policy", "noeviction");
    try {
      const push = pushBitmap(redis, { key: KEY, bits: pattern(8 * 2 ** 20), expireSeconds: HOUR });
      await expect(push).rejects.toThrow(/OOM/);
    } finally {
      await redis.config("SET", "maxmemory", "0");
    }
  });

  test("refuses an empty bitmap", async () => {
    const push = pushBitmap(redis, { key: KEY, bits: new Uint8Array(0), expireSeconds: HOUR });
    await expect(push).rejects.toThrow(RangeError);
  });

  test("reports a connection that is lost", async () => {
    const other = new Redis({ port: server.port, maxRetriesPerRequest: 0, retryStrategy: () => null });
    other.on("error", () => {});
    const push = pushBitmap(other, {
      key: KEY,
      bits: pattern(100_000),
      expireSeconds: HOUR,
      chunkBytes: 1000,
      maxInFlightBytes: 1000,
      onProgress: (bytes) => {
        if (bytes === 5000) other.disconnect();
      },
    });
    await expect(push).rejects.toThrow("closed");
    expect(await redis.ttl(KEY)).toBeGreaterThan(0);
  });
});
