import calculateSlot from "cluster-key-slot";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { type RedisCluster, startRedisCluster } from "../../lab/servers/redis-cluster.ts";
import { waitUntil } from "../../lab/wait.ts";
import { patience } from "../fixtures/processes.ts";
import {
  decidedBy,
  oneSecondAfter,
  type PreferencesPlatform,
  startPreferencesPlatform,
} from "./fallbacks/preferences-platform.ts";

let platform: PreferencesPlatform;

beforeAll(async () => {
  platform = await startPreferencesPlatform("preferences-load");
}, 2 * patience);

afterAll(() => platform?.close());

describe("the bulkhead before Postgres", { timeout: 3 * patience }, () => {
  test("bounds the statements while Postgres is slow, and what finds no place is decided by default at once", async () => {
    const cache = {
      topology: "standalone" as const,
      address: `127.0.0.1:${await platform.workspace.port()}`,
    };
    const worker = await platform.worker(cache, {
      postgres: platform.database("postgres"),
      // Nobody gets an answer in time, so that the breaker must not be what keeps the load away.
      bulkhead: { maxConcurrent: 4, maxQueued: 8, deadlineMs: 10_000, breaker: { failureThreshold: 1e9 } },
    });
    expect(await worker.client.ready(1)).toBe(false);
    const blocker = await platform.connect();
    await blocker.query("BEGIN; LOCK TABLE preferences IN ACCESS EXCLUSIVE MODE");
    const reading = async () =>
      (
        await platform.sql.query(
          "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%AS opted_out%' AND state = 'active' AND pid <> pg_backend_pid()",
        )
      ).rowCount ?? 0;

    const settled: string[] = [];
    const all = Array.from({ length: 500 }, (_, n) =>
      worker.sms(`crowd-${n}`).then(({ source }) => settled.push(source)),
    );
    // All but those in the bulkhead have decided although Postgres answers nobody.
    await waitUntil(() => settled.length >= 488, { what: "the decisions by default", deadlineMs: patience });
    await waitUntil(async () => (await reading()) === 4, { what: "the statements", deadlineMs: patience });
    expect(await reading()).toBe(4);
    expect(new Set(settled)).toEqual(new Set(["default"]));
    // The others decide when their time is over, Postgres still answering nobody.
    await Promise.all(all);
    expect(settled.filter((source) => source === "default")).toHaveLength(500);
    expect(await worker.metrics.metrics()).toMatch(
      /redisops_decisions_degraded_total\{fallback="opted_in",role="preferences"\} 500\n/,
    );
    await blocker.query("COMMIT");
    await blocker.end();
    await decidedBy("postgres", () => worker.sms("crowd-0"));
  });
});

describe("a Redis Cluster of six shards", { timeout: 3 * patience }, () => {
  let cluster: RedisCluster;

  beforeAll(async () => {
    cluster = await startRedisCluster(platform.workspace, {
      name: "cache",
      shards: 6,
      config: ["cluster-require-full-coverage no"],
    });
  }, 2 * patience);

  test("loses one: its users are read from Postgres, nobody else notices, and its old entries are not believed when it is back", async () => {
    const worker = await platform.worker({ topology: "cluster", nodes: [...cluster.addresses] });
    expect(await worker.client.ready(patience)).toBe(true);
    const users = Array.from({ length: 600 }, (_, n) => `c${n}`);
    for (const user of users) await decidedBy("cache", () => worker.sms(user));

    const lost = await cluster.primaryOf(2);
    const slots = new Set(await cluster.slotsOf(2));
    const affected = users.filter((user) => slots.has(calculateSlot(`prefs:${user}`)));
    expect(affected.length).toBeGreaterThan(60);
    await withRedis(lost.port, (client) => client.save());
    await lost.server.kill();
    await waitUntil(async () => (await worker.sms(affected[0] ?? "")).degraded, {
      what: "the loss to be noticed",
      deadlineMs: patience,
    });
    const sources = new Map<string, string>();
    for (const user of users) sources.set(user, (await worker.sms(user)).source);
    expect(users.filter((user) => sources.get(user) !== "cache")).toEqual(affected);
    expect(affected.every((user) => sources.get(user) === "postgres")).toBe(true);

    const [changed = ""] = affected;
    await platform.choose(changed, true);
    await oneSecondAfter(performance.now());
    expect((await worker.sms(changed)).optedIn).toBe(false);
    await lost.server.restart({ empty: false });
    await cluster.untilSettled();
    await decidedBy("cache", () => worker.sms(affected[1] ?? ""));
    expect((await worker.sms(changed)).optedIn).toBe(false);
    await decidedBy("cache", () => worker.sms(changed));
    expect((await worker.sms(changed)).optedIn).toBe(false);
  });
});
