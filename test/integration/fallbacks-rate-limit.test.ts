import type { Redis } from "ioredis";
import { Registry } from "prom-client";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { RateLimiter, type RateLimiterOptions } from "../../fallbacks/rate-limit/rate-limiter.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { MetricsPage } from "./exporter-page.ts";

const normal = { allowed: true, degraded: false };
const over = { allowed: false, degraded: false };
const open = { allowed: true, degraded: true };
/** A window that no test outlives. */
const hour = 3_600_000;

let workspace: Workspace;
let server: RedisServer;

beforeAll(async () => {
  workspace = await createWorkspace("rate-limit");
  server = await startRedis(workspace, { name: "redis" });
}, patience);

beforeEach(() => command((client) => client.flushall()));

afterAll(() => workspace.close());

const command = <T>(work: (client: Redis) => Promise<T>) => withRedis(server.port, work);

async function withLimiter(
  options: RateLimiterOptions & { key?: string },
  work: (limiter: RateLimiter, metrics: Registry) => Promise<void>,
): Promise<void> {
  const metrics = new Registry();
  const { key, ...rest } = options;
  const connection = { topology: "standalone" as const, address: `127.0.0.1:${server.port}`, key };
  const limiter = new RateLimiter(connection, { deadlineMs: 5_000, metrics, ...rest });
  try {
    expect(await limiter.ready(patience)).toBe(true);
    await work(limiter, metrics);
  } finally {
    limiter.close();
  }
}

const checks = (limiter: RateLimiter, count: number, user = "ada") =>
  Promise.all(Array.from({ length: count }, () => limiter.check(user)));

describe("the rate limiter", { timeout: patience }, () => {
  it("allows ten messages of each user in a window, also when they are sent at once", async () => {
    await withLimiter({ windowMs: hour }, async (limiter, metrics) => {
      expect(await checks(limiter, 13)).toEqual([...Array(10).fill(normal), ...Array(3).fill(over)]);
      expect(await limiter.check("bob")).toEqual(normal);
      const page = new MetricsPage(await metrics.metrics());
      const role = "rate_limit";
      expect(page.value("redisops_rate_limited_total", { role })).toBe(3);
      expect(page.value("redisops_decisions_total", { role })).toBe(14);
      expect(page.value("redisops_decisions_degraded_total", { role, fallback: "fail_open" })).toBe(0);
      expect(page.text).not.toMatch(/ada|bob/);
    });
  });

  it("shares the count between processes and with plain INCR", async () => {
    await withLimiter({ windowMs: hour }, async (one) => {
      await withLimiter({ windowMs: hour }, async (other) => {
        await checks(one, 4);
        await checks(other, 4);
        expect(await command((client) => client.incr("rate:ada"))).toBe(9);
        expect([await one.check("ada"), await other.check("ada")]).toEqual([normal, over]);
      });
    });
  });

  it("allows the user again when the window is over", async () => {
    await withLimiter({ limit: 1, windowMs: 200 }, async (limiter) => {
      await waitUntil(async () => !(await limiter.check("ada")).allowed, {
        what: "the limit to be reached",
        deadlineMs: patience,
      });
      await waitUntil(async () => (await limiter.check("ada")).allowed, {
        what: "the window to be over",
        deadlineMs: patience,
      });
    });
  });

  it("sets the window with the first message and does not prolong it", async () => {
    await withLimiter({}, async (limiter) => {
      await limiter.check("ada");
      const first = await command((client) => client.pexpiretime("rate:ada"));
      expect(first).toBeGreaterThan(0);
      await withLimiter({ windowMs: hour }, async (other) => {
        await checks(other, 12, "bob");
        const expiry = await command((client) => client.pexpiretime("rate:bob"));
        await checks(other, 5, "bob");
        expect(await command((client) => client.pexpiretime("rate:bob"))).toBe(expiry);
      });
    });
  });

  it("gives a counter without a time to live one, before it locks its user out", async () => {
    await withLimiter({ windowMs: hour }, async (limiter) => {
      await command((client) => client.set("rate:ada", 8));
      expect(await checks(limiter, 3)).toEqual([normal, normal, over]);
      expect(await command((client) => client.pttl("rate:ada"))).toBeGreaterThan(0);
    });
  });

  it("counts and expires in one step: a replica never sees a counter without its time to live", async () => {
    const monitored = await command(async (client) => {
      const monitor = await client.monitor();
      const seen: string[][] = [];
      monitor.on("monitor", (_time: string, args: string[], source: string) => seen.push([source, ...args]));
      await withLimiter({}, async (limiter) => void (await limiter.check("eve")));
      await waitUntil(() => seen.some(([, name]) => name?.toLowerCase() === "pexpire"), {
        what: "the expiry to be set",
        deadlineMs: patience,
      });
      monitor.disconnect();
      return seen.filter((args) => args.includes("rate:eve"));
    });
    const own = monitored.filter(([source]) => source !== "lua").map(([, name]) => name?.toLowerCase());
    expect(own.every((name) => name === "evalsha" || name === "eval")).toBe(true);
    const inside = monitored.filter(([source]) => source === "lua").map(([, name]) => name?.toLowerCase());
    expect(inside).toEqual(["incr", "pexpire"]);
  });

  it("takes another key pattern, and a user's name as it is", async () => {
    await withLimiter({ key: "limit:{user_id}:n" }, async (limiter) => {
      await limiter.check("$&{x}");
      expect(await command((client) => client.keys("*"))).toEqual(["limit:$&{x}:n"]);
    });
  });

  it("allows everything while the server hangs, counted, and limits again afterwards", async () => {
    await withLimiter({ limit: 3, windowMs: hour, deadlineMs: 50 }, async (limiter, metrics) => {
      await waitUntil(async () => !(await limiter.check("ada")).allowed, {
        what: "the limit to be reached",
        deadlineMs: patience,
      });
      server.pause();
      await frozen([server.pid]);
      expect(await checks(limiter, 5_000)).toEqual(Array(5_000).fill(open));
      const page = new MetricsPage(await metrics.metrics());
      expect(
        page.value("redisops_decisions_degraded_total", { fallback: "fail_open" }),
      ).toBeGreaterThanOrEqual(5_000);
      server.resume();
      await waitUntil(async () => !(await limiter.check("ada")).allowed, {
        what: "the limit to hold again",
        deadlineMs: patience,
      });
    });
  });

  it("allows when the counter is something else", async () => {
    await withLimiter({}, async (limiter, metrics) => {
      await command((client) => client.lpush("rate:ada", "not a counter"));
      expect(await checks(limiter, 20)).toEqual(Array(20).fill(open));
      expect(await limiter.check("bob")).toEqual(normal);
      const page = new MetricsPage(await metrics.metrics());
      expect(page.value("redisops_store_failures_total", { error_class: "other" })).toBe(20);
      expect(page.value("redisops_breakers_open")).toBe(0);
    });
  });
});
