import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { waitUntil } from "../../lab/wait.ts";
import { eventsOf, readJournals, wholeRun } from "../fixtures/journal.ts";
import { patience } from "../fixtures/processes.ts";
import { type RecoverPlatform, smallFilter, startRecoverPlatform } from "../fixtures/recover-platform.ts";
import { rebuildUnderLoad } from "../fixtures/recover-workers.ts";
import { startRedisBloom } from "../fixtures/redisbloom-server.ts";

const filter = { engine: "redisbloom" } as const;
const { key, capacity, error_rate } = smallFilter;

describe.skipIf(startRedisBloom === undefined)("redisops recover bloom on live RedisBloom", () => {
  let platform: RecoverPlatform;

  beforeAll(async () => {
    platform = await startRecoverPlatform(startRedisBloom);
  });
  afterEach(async () => {
    await platform.reset();
    await rm(join(platform.folder, "state"), { recursive: true, force: true });
  });
  afterAll(() => platform?.close());

  const lacking = (ids: readonly string[]) => platform.lacking(ids, filter);

  async function expectLive(ids: readonly string[]): Promise<void> {
    expect(await lacking(ids)).toEqual([]);
    expect(await platform.keys()).toEqual({ [key]: { dump: expect.any(String), expires: false } });
    expect(await platform.redis.call("BF.INFO", key, "CAPACITY")).toEqual([capacity]);
  }

  /** Starts a rebuild that stops at the end of its first COPY, beside a filter that knows half of the ids. */
  async function rebuildAtGate() {
    const ids = await platform.send(10_000);
    await platform.redis.call("BF.RESERVE", key, error_rate, capacity);
    await platform.filter(filter).add(ids.slice(0, 5_000));
    await platform.closeGate(1);
    const before = await platform.everything();
    const configFile = await platform.configure({ filter, source: { table: "gated" } });
    const words = ["recover", "bloom", "--execute", "--method", "madd", "--config", configFile];
    const child = platform.start(words);
    await platform.atGate(1);
    const shadow = await waitUntil(async () => (await platform.redis.keys("*:shadow:*"))[0], {
      what: "a shadow key",
      deadlineMs: patience,
    });
    return { ids, child, before, shadow };
  }

  it("plans without changing anything", async () => {
    await platform.send(1_000);
    const before = await platform.everything();
    const { code, stdout } = await platform.recoverBloom({ filter });
    expect(stdout).toMatch(/new filter +redisbloom "\{dedup:sent\}", 20,000 ids/);
    expect(stdout).toContain(
      "by BF.LOADCHUNK under a shadow key, where a small filter proves that server and",
    );
    expect(stdout).toContain("else with BF.MADD under a shadow key");
    expect(code).toBe(2);
    expect(await platform.everything()).toEqual(before);
  });

  it.each([
    { words: ["--method", "madd"], phases: /^ {2}add: 20,000 ids in .+\n$/ },
    { words: [], phases: /^ {2}read: 20,000 ids in .+\n {2}load: 0\.0 MiB in .+\n$/ },
  ])("builds the filter on an empty server and says how well, $words", async ({ words, phases }) => {
    const ids = await platform.send(20_000);
    const { code, stdout, stderr } = await platform.recoverBloom({ filter }, "--execute", ...words);
    expect(stderr).toMatch(phases);
    expect(stdout).toMatch(/false negatives +0\.000 %/);
    expect(code).toBe(0);
    await expectLive(ids);
    const never = Array.from({ length: 30_000 }, (_, n) => `never-${n}`);
    expect((never.length - (await lacking(never)).length) / never.length).toBeLessThan(0.015);
    const journals = readJournals(join(platform.folder, "state"));
    expect(eventsOf(journals[0] ?? [])).toEqual(
      wholeRun("build", "check", "catch up", "swap", "catch up live"),
    );
  });

  it("swaps a filter of another capacity whole", async () => {
    const ids = await platform.send(5_000);
    await platform.redis.call("BF.RESERVE", key, 0.1, 100);
    await platform.filter(filter).add(ids.slice(0, 2_000));
    const { code, stdout } = await platform.recoverBloom({ filter }, "--execute");
    expect(stdout).toContain("ids that it knows and Postgres does not are forgotten");
    expect(code).toBe(0);
    await expectLive(ids);
  });

  it("loses none of the ids that workers send meanwhile", async () => {
    const ids = await platform.send(5_000);
    await platform.redis.call("BF.RESERVE", key, error_rate, capacity);
    const configFile = await platform.configure({ filter, source: { table: "gated" } });
    const { outcome, sent } = await rebuildUnderLoad(platform, configFile, platform.filter(filter), 3);
    expect(outcome.code).toBe(0);
    expect(sent.length).toBeGreaterThanOrEqual(300);
    await expectLive([...ids, ...sent]);
  });

  it("stops at Ctrl-C and leaves the live filter as it was", async () => {
    const { child, before } = await rebuildAtGate();
    child.kill("SIGINT");
    expect((await child.outcome).code).toBe(130);
    expect(await platform.everything()).toEqual(before);
  });

  it("leaves nothing that lasts when it is killed", async () => {
    const { child, before, shadow } = await rebuildAtGate();
    child.kill("SIGKILL");
    await child.outcome;
    expect(await platform.redis.ttl(shadow)).toBeGreaterThan(0);
    await platform.redis.del(shadow);
    expect(await platform.everything()).toEqual(before);
  });

  it("does not put a filter in place that lost ids on the way", async () => {
    const { child, before, shadow } = await rebuildAtGate();
    await platform.redis.del(shadow);
    await platform.openGate(1);
    const { code, stderr } = await child.outcome;
    expect(stderr).toMatch(
      /^error REDIS_ERROR {2}dedup Redis at .+ lost .+:shadow:.+ while it was filled\n/m,
    );
    expect(code).toBe(5);
    expect(await platform.everything()).toEqual(before);
  });

  it.each(["madd", "load", "auto"])("by %s says that the server refuses writes", async (method) => {
    await platform.send(500);
    await platform.redis.config("SET", "min-replicas-to-write", 1);
    try {
      const { code, stderr } = await platform.recoverBloom({ filter }, "--execute", "--method", method);
      expect(stderr).toMatch(/^error REDIS_WRITE_REFUSED {2}dedup Redis at .+: NOREPLICAS /m);
      expect([1, 5]).toContain(code);
    } finally {
      await platform.redis.config("SET", "min-replicas-to-write", 0);
    }
  });

  it("refuses foreign data at the filter's key", async () => {
    await platform.send(500);
    await platform.redis.sadd(key, "somebody else's");
    const before = await platform.everything();
    const { code, stderr } = await platform.recoverBloom({ filter }, "--execute");
    expect(stderr).toMatch(/^error FILTER_WRONG_TYPE /);
    expect(code).toBe(1);
    expect(await platform.everything()).toEqual(before);
  });
});
