import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { RedisServer } from "../../lab/servers/redis.ts";
import { startReplica } from "../../lab/servers/redis-replica.ts";
import { waitUntil } from "../../lab/wait.ts";
import { bloom } from "../../recovery/bloom/bloom.ts";
import { bloomContext } from "../fixtures/bloom-run.ts";
import { patience } from "../fixtures/processes.ts";
import { type RecoverPlatform, startRecoverPlatform } from "../fixtures/recover-platform.ts";
import { startRedisBloom } from "../fixtures/redisbloom-server.ts";
import { RunMemory, stoppableRun } from "../fixtures/stoppable-run.ts";

const engines = [
  { engine: "bitmap", method: "auto", start: undefined },
  ...(startRedisBloom === undefined
    ? []
    : ([
        { engine: "redisbloom", method: "load", start: startRedisBloom },
        { engine: "redisbloom", method: "madd", start: startRedisBloom },
      ] as const)),
] as const;

describe.each(engines)("a rebuild of $engine by $method with a replica", ({ engine, method, start }) => {
  const filter = { engine } as const;
  let platform: RecoverPlatform;
  let server: RedisServer;
  let replica: Redis;

  beforeAll(async () => {
    platform = await startRecoverPlatform(start);
    const password = platform.env.TEST_REDIS_PASSWORD ?? "";
    await platform.redis.config("SET", "repl-diskless-sync-delay", "0");
    if (start === undefined) {
      await platform.redis.config("SET", "masterauth", password);
      server = await startReplica(platform.workspace, platform.dedup, { name: "replica", password });
    } else {
      server = await start(platform.workspace, password, "replica");
    }
    replica = new Redis({ port: server.port, password, protocol: 2, maxRetriesPerRequest: null });
    await replica.replicaof("127.0.0.1", platform.dedup.port);
    await waitUntil(async () => (await replica.info("replication")).includes("master_link_status:up"), {
      what: "the replica's link",
      deadlineMs: patience,
    });
  });
  afterEach(async () => {
    await replica.config("SET", "replica-read-only", "yes");
    await platform.reset();
  });
  afterAll(async () => {
    replica?.disconnect();
    await platform?.close();
  });

  const begin = async () => {
    const { context, warnings } = bloomContext(platform, { method }, { filter });
    return { context, warnings, plan: await bloom.plan(context), memory: new RunMemory("with-replica") };
  };

  it("looks at the replica before the swap, and finds it whole", async () => {
    const ids = await platform.send(2_000);
    const { context, plan, memory, warnings } = await begin();
    expect(plan.facts).toContainEqual({
      label: "replicas",
      value: expect.stringContaining(`127.0.0.1:${server.port}`),
    });
    await bloom.execute(context, plan, stoppableRun(memory).run);
    expect(warnings).toEqual([]);
    expect(await platform.lacking(ids, filter)).toEqual([]);
    expect(await replica.info("commandstats")).toMatch(/cmdstat_(?:bitfield_ro|BF\.MEXISTS)/i);
  });

  it("puts nothing in place that the replica lacks, and goes on when it is there", async () => {
    const ids = await platform.send(2_000);
    await platform.filter(filter).add(["learned"]);
    const before = await platform.keys();
    const { context, plan, memory } = await begin();
    const { run } = stoppableRun(memory);
    const { saveCheckpoint } = run;
    run.saveCheckpoint = async (name, value) => {
      if (name === "complete") {
        await replica.config("SET", "replica-read-only", "no");
        for (const key of await replica.keys("*:shadow:*")) await replica.del(key);
      }
      return saveCheckpoint(name, value);
    };
    await expect(bloom.execute(context, plan, run)).rejects.toMatchObject({
      code: "FILTER_REPLICA_BEHIND",
      message: expect.stringMatching(
        /^The replica at 127\.0\.0\.1:\d+ lacks \d+ of \d+ ids that the primary’s new filter has; it was not put in place$/,
      ),
    });
    const live = Object.entries(await platform.keys()).filter(([name]) => !name.includes(":shadow:"));
    expect(Object.fromEntries(live)).toEqual(before);

    // A replica that is synchronised anew has everything.
    await replica.replicaof("NO", "ONE");
    await replica.flushall();
    await replica.replicaof("127.0.0.1", platform.dedup.port);
    await waitUntil(async () => (await replica.info("replication")).includes("master_link_status:up"), {
      what: "the replica's link",
      deadlineMs: patience,
    });
    await bloom.execute(context, plan, stoppableRun(memory).run);
    expect(await platform.lacking(ids, filter)).toEqual([]);
    expect((await platform.redis.keys("*:shadow:*")).length).toBe(0);
  });
});
