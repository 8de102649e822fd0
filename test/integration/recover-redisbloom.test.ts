import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { waitUntil } from "../../lab/wait.ts";
import type { Workspace } from "../../lab/workspace.ts";
import { eventsOf, readJournals, wholeRun } from "../fixtures/journal.ts";
import { patience } from "../fixtures/processes.ts";
import { type RecoverPlatform, smallFilter, startRecoverPlatform } from "../fixtures/recover-platform.ts";
import { rebuildUnderLoad } from "../fixtures/recover-workers.ts";

/** Starts a server with BF commands on the port that is appended. */
const command = process.env.REDISOPS_TEST_BLOOM_SERVER ?? "";
const filter = { engine: "redisbloom" } as const;
const { key, capacity, error_rate } = smallFilter;

/** The shell takes the lab's configuration file as its own name, so the command decides what the server reads. */
async function startRedisBloom(workspace: Workspace, password: string): Promise<RedisServer> {
  const port = await workspace.port();
  const server = await startRedis(workspace, {
    name: "redisbloom",
    port,
    command: ["/bin/sh", "-c", `exec ${command} ${port}`],
  });
  const client = new Redis({ port, protocol: 2 });
  await client.config("SET", "requirepass", password);
  client.disconnect();
  return server;
}

describe.skipIf(command === "")("redisops recover bloom on live RedisBloom", () => {
  let platform: RecoverPlatform;

  beforeAll(async () => {
    platform = await startRecoverPlatform(startRedisBloom);
  });
  afterEach(() => platform.reset());
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
    const child = platform.start(["recover", "bloom", "--execute", "--config", configFile]);
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
    expect(stdout).toContain("with BF.MADD under a shadow key");
    expect(code).toBe(2);
    expect(await platform.everything()).toEqual(before);
  });

  it("builds the filter on an empty server and says how well", async () => {
    const ids = await platform.send(20_000);
    const { code, stdout, stderr } = await platform.recoverBloom({ filter }, "--execute");
    expect(stderr).toMatch(/^ {2}add: 20,000 ids in /);
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
    expect(code).toBe(1);
    expect(await platform.everything()).toEqual(before);
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
