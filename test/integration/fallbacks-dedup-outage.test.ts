import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BitmapFilter, configuredLayout } from "../../core/filter/bitmap-filter.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { startReplica } from "../../lab/servers/redis-replica.ts";
import { startSentinels } from "../../lab/servers/sentinel.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { bloomModule, type DedupTraffic, dedupTraffic, ids, timesSent } from "./fallbacks/dedup-traffic.ts";
import { startMutableProxy } from "./fallbacks/mutable-proxy.ts";

const count = 300;
/** So precise that no id of these tests is taken for another one. */
const filter = { key: "{dedup}", capacity: 20_000, error_rate: 0.000001 } as const;

let workspace: Workspace;

beforeEach(async () => {
  workspace = await createWorkspace("dedup");
});

afterEach(async () => {
  await workspace.close();
});

const standalone = (port: number) => ({ topology: "standalone" as const, address: `127.0.0.1:${port}` });

interface Outage {
  readonly begin: () => Promise<void>;
  readonly end: () => Promise<void>;
}

/**
 * Sends before, during and after an outage, every batch twice, and counts: what was first checked before or after is
 * sent once; what was checked inside is sent at every check, and at most once more.
 */
async function expectDuplicatesOnlyInside(traffic: DedupTraffic, outage: Outage): Promise<void> {
  const [before, inside, after] = [ids("before", count), ids("inside", count), ids("after", count)];
  await traffic.send(before);
  expect(new Set(await traffic.send(before))).toEqual(new Set(["duplicate"]));

  await outage.begin();
  await traffic.untilSkipped();
  for (let round = 0; round < 2; round += 1) {
    expect(new Set(await traffic.send(inside))).toEqual(new Set(["unknown"]));
  }
  expect(timesSent(traffic, inside)).toEqual({ 2: count });
  const degraded = { role: "dedup", fallback: "skip_dedup" };
  const skipped = (await traffic.page()).value("redisops_decisions_degraded_total", degraded) ?? 0;
  expect(skipped).toBeGreaterThan(2 * count);

  await outage.end();
  await traffic.untilAnswered();
  const whole = (await traffic.page()).value("redisops_decisions_degraded_total", degraded);
  for (let round = 0; round < 2; round += 1) {
    expect(new Set(await traffic.send(before))).toEqual(new Set(["duplicate"]));
    await traffic.send(inside);
    await traffic.send(after);
  }
  expect((await traffic.page()).value("redisops_decisions_degraded_total", degraded)).toBe(whole);
  expect(timesSent(traffic, before)).toEqual({ 1: count });
  expect(timesSent(traffic, after)).toEqual({ 1: count });
  const insideTimes = timesSent(traffic, inside);
  expect((insideTimes[2] ?? 0) + (insideTimes[3] ?? 0)).toBe(count);
}

async function durable(config: readonly string[]): Promise<RedisServer> {
  return startRedis(workspace, { name: "redis", config: ["appendonly yes", ...config] });
}

function duplicatesOnlyInside(engine: "bitmap" | "redisbloom", config: readonly string[]): void {
  it("when the server is killed and comes back with its data", async () => {
    const redis = await durable(config);
    const traffic = await dedupTraffic(workspace, {
      ...standalone(redis.port),
      filter: { engine, ...filter },
    });
    await expectDuplicatesOnlyInside(traffic, {
      begin: () => redis.kill(),
      end: () => redis.restart({ empty: false }),
    });
  });

  it("when the server hangs and goes on", async () => {
    const redis = await durable(config);
    const traffic = await dedupTraffic(workspace, {
      ...standalone(redis.port),
      filter: { engine, ...filter },
    });
    await expectDuplicatesOnlyInside(traffic, {
      async begin() {
        redis.pause();
        await frozen([redis.pid]);
      },
      end: async () => redis.resume(),
    });
  });

  it("when a Sentinel failover puts the replica in the primary’s place", async () => {
    const primary = await startRedis(workspace, { name: "primary", config });
    await startReplica(workspace, primary, { name: "replica", config });
    const sentinels = await startSentinels(workspace, {
      name: "sentinel",
      primary,
      primaryName: "dedup",
      downAfterMs: 1_000,
    });
    const traffic = await dedupTraffic(workspace, {
      topology: "sentinel",
      sentinels: [...sentinels.addresses],
      primary: "dedup",
      filter: { engine, ...filter },
    });
    await expectDuplicatesOnlyInside(traffic, {
      async begin() {
        // What the primary has not replicated when it dies belongs to the outage.
        const replicated = await withRedis(primary.port, async (client) => {
          await client.set("marker", "1");
          return client.wait(1, patience);
        });
        expect(replicated).toBe(1);
        await primary.kill();
      },
      async end() {
        const moved = async () => (await sentinels.primaryAddress()).port !== primary.port;
        await waitUntil(moved, { what: "the Sentinels to fail over", deadlineMs: patience });
      },
    });
  });

  it("starts anew, with the configured shape, when the server comes back empty", async () => {
    const redis = await startRedis(workspace, { name: "redis", config });
    const traffic = await dedupTraffic(workspace, {
      ...standalone(redis.port),
      filter: { engine, ...filter },
    });
    const all = ids("msg", count);
    await traffic.send(all);
    await redis.restart({ empty: true });
    await traffic.untilAnswered();
    // What was sent before is forgotten; BloomCold and its recovery are about that.
    expect(new Set(await traffic.send(all))).toEqual(new Set(["new"]));
    expect(new Set(await traffic.send(all))).toEqual(new Set(["duplicate"]));
  });
}

describe("dedup on the bitmap engine lets duplicates through only inside an outage", {
  timeout: patience,
}, () => {
  duplicatesOnlyInside("bitmap", []);

  it("does not take its own lost answer for somebody else’s send", async () => {
    const redis = await startRedis(workspace, { name: "redis" });
    const proxy = await startMutableProxy(workspace, redis.port);
    const traffic = await dedupTraffic(
      workspace,
      { topology: "standalone", address: proxy.address, filter: { engine: "bitmap", ...filter } },
      { deadlineMs: patience },
    );
    await traffic.untilAnswered();
    proxy.mute();
    const verdicts = traffic.send(ids("msg", 20));
    const layout = configuredLayout({ engine: "bitmap", ...filter });
    const executed = () =>
      withRedis(redis.port, async (client) => {
        const reader = new BitmapFilter(client, "dedup", filter.key, layout);
        return (await reader.has(ids("msg", 20))).every((known) => known);
      });
    await waitUntil(executed, { what: "the server to have added the ids", deadlineMs: patience });
    proxy.cut();
    expect(new Set(await verdicts)).toEqual(new Set(["unknown"]));
    await traffic.untilAnswered();
    expect(new Set(await traffic.send(ids("msg", 20)))).toEqual(new Set(["duplicate"]));
    expect(timesSent(traffic, ids("msg", 20))).toEqual({ 1: 20 });
  });
});

describe.skipIf(bloomModule() === undefined)(
  "dedup on a live RedisBloom lets duplicates through only inside an outage",
  { timeout: patience },
  () => {
    const module = bloomModule();
    duplicatesOnlyInside("redisbloom", module === undefined ? [] : [module]);
  },
);
