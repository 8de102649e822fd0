import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { waitUntil } from "../../lab/wait.ts";
import { eventsOf, readJournals } from "../fixtures/journal.ts";
import { patience } from "../fixtures/processes.ts";
import { type RecoverPlatform, startRecoverPlatform } from "../fixtures/recover-platform.ts";
import type { RedisopsChild } from "../fixtures/redisops-child.ts";
import { startStallingProxy } from "../fixtures/stalling-proxy.ts";

let platform: RecoverPlatform;

beforeAll(async () => {
  platform = await startRecoverPlatform();
});
afterEach(async () => {
  await platform.reset();
  await rm(join(platform.folder, "state"), { recursive: true, force: true });
});
afterAll(() => platform?.close());

/** Starts a rebuild that stops at the end of its first COPY, with all rows read; the live filter knows half of them. */
async function rebuildAtGate(...words: string[]): Promise<{ child: RedisopsChild; backend: number }> {
  await platform.filter().add((await platform.send(10_000)).slice(0, 5_000));
  await platform.closeGate(1);
  const configFile = await platform.configure({ source: { table: "gated" } });
  const child = platform.start(["recover", "bloom", "--execute", "--config", configFile, ...words]);
  return { child, backend: await platform.atGate(1) };
}

/** Starts a rebuild whose connection to Redis stalls in the middle of the push. */
async function rebuildStalledInPush() {
  await platform.filter().add((await platform.send(10_000)).slice(0, 5_000));
  const proxy = await startStallingProxy(platform.workspace, platform.dedup.port, 3 * 2 ** 20);
  const filter = { capacity: 20_000_000 };
  const configFile = await platform.configure({ filter, dedupAddress: proxy.address });
  const before = await platform.everything();
  const child = platform.start(["recover", "bloom", "--execute", "--config", configFile]);
  await proxy.stalled();
  return { child, before, shadow: await shadowKey() };
}

/** Expects everything as it was, but for a part of the shadow that will go away by itself. */
async function expectOnlyExpiring(
  before: Awaited<ReturnType<RecoverPlatform["everything"]>>,
  shadow: string,
) {
  const ttl = await platform.redis.ttl(shadow);
  expect(ttl).toBeGreaterThan(0);
  expect(ttl).toBeLessThanOrEqual(3_600);
  await platform.redis.del(shadow);
  expect(await platform.everything()).toEqual(before);
}

async function shadowKey(): Promise<string> {
  return waitUntil(async () => (await platform.redis.keys("*:shadow:*"))[0], {
    what: "a shadow key",
    deadlineMs: patience,
  });
}

const journalEvents = () => eventsOf(readJournals(join(platform.folder, "state"))[0] ?? []);

describe("redisops recover bloom --execute, interrupted,", () => {
  it("says that the source died half-way, and leaves the live filter as it was", async () => {
    const { child, backend } = await rebuildAtGate();
    const before = await platform.everything();
    await platform.admin.query("SELECT pg_terminate_backend($1)", [backend]);
    const { code, stderr } = await child.outcome;
    expect(stderr).toMatch(
      /^ {2}read: 10,000 ids in .+\nerror POSTGRES_LOST {2}Postgres postgres at .+: terminating connection.+\n {2}next: .+\n$/,
    );
    expect(code).toBe(5);
    expect(await platform.everything()).toEqual(before);
    expect(journalEvents()).toEqual(["started", "step_started build", "failed"]);
  });

  it("says that Postgres was killed half-way, as JSON too", async () => {
    const { child, backend } = await rebuildAtGate("--json");
    const before = await platform.everything();
    await platform.admin.query("SELECT pg_terminate_backend($1)", [backend]);
    const { code, stdout, stderr } = await child.outcome;
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "POSTGRES_LOST" } });
    expect(
      stderr
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual([{ event: "phase_ended", phase: "read", done: 10_000, unit: "ids" }]);
    expect(code).toBe(5);
    expect(await platform.everything()).toEqual(before);
  });

  it.each(["SIGINT", "SIGTERM"] as const)("stops at %s while it reads", async (signal) => {
    const { child } = await rebuildAtGate();
    const before = await platform.everything();
    child.kill(signal);
    const { code, stderr } = await child.outcome;
    expect(stderr).toMatch(/^Stopping at the next safe point; press Ctrl-C again to end at once\.$/m);
    expect(stderr).toMatch(new RegExp(`^error INTERRUPTED  Interrupted by ${signal}.+\n  next: .+\n$`, "m"));
    expect(code).toBe(130);
    expect(await platform.everything()).toEqual(before);
    expect(journalEvents()).toEqual(["started", "step_started build", "failed"]);
  });

  it("ends at once at the second Ctrl-C, and what it leaves expires", async () => {
    const { child, before, shadow } = await rebuildStalledInPush();
    child.kill("SIGINT");
    await child.says("Stopping at the next safe point");
    child.kill("SIGINT");
    expect((await child.outcome).code).toBe(130);
    await expectOnlyExpiring(before, shadow);
  });

  it("stops at Ctrl-C although Redis does not answer in the middle of the push", async () => {
    const { child, before, shadow } = await rebuildStalledInPush();
    child.kill("SIGINT");
    const { code, stderr } = await child.outcome;
    expect(stderr).toMatch(/^error INTERRUPTED /m);
    expect(code).toBe(130);
    await expectOnlyExpiring(before, shadow);
  });

  it("leaves the live filter as it was when it is killed in the middle of the push; the rest expires", async () => {
    const { child, before, shadow } = await rebuildStalledInPush();
    child.kill("SIGKILL");
    expect((await child.outcome).code).toBeNull();
    await expectOnlyExpiring(before, shadow);
    expect(journalEvents()).toEqual(["started", "step_started build"]);
  });

  it("says that Redis was killed in the middle of the push", async () => {
    const { child } = await rebuildStalledInPush();
    await platform.dedup.kill();
    try {
      const { code, stderr } = await child.outcome;
      expect(stderr).toMatch(
        /^error REDIS_UNREACHABLE {2}dedup Redis at .+ cannot be reached.*\n {2}next: .+\n$/m,
      );
      expect(code).toBe(5);
      expect(journalEvents()).toEqual(["started", "step_started build", "failed"]);
    } finally {
      await platform.dedup.restart({ empty: true });
    }
  });

  it("stops at Ctrl-C while it plans, although Redis hangs", async () => {
    await platform.send(100);
    // So many bytes let the connection come about; a look-up of 200 ids is longer.
    const proxy = await startStallingProxy(platform.workspace, platform.dedup.port, 2_000);
    const configFile = await platform.configure({ dedupAddress: proxy.address });
    const child = platform.start(["recover", "bloom", "--config", configFile]);
    await proxy.stalled();
    child.kill("SIGINT");
    const { code, stdout, stderr } = await child.outcome;
    expect(stderr).toMatch(/^error INTERRUPTED {2}/m);
    expect(stdout).toBe("");
    expect(code).toBe(130);
  });

  it("finishes what it has put in place, although Ctrl-C comes before the last ids are added", async () => {
    const ids = await platform.send(5_000);
    await platform.filter().add(ids.slice(0, 2_500));
    await platform.closeGate(2);
    const child = platform.start([
      ...["recover", "bloom", "--execute", "--config"],
      await platform.configure({ source: { table: "gated" } }),
    ]);
    await platform.atGate(2);
    child.kill("SIGINT");
    await child.says("Stopping at the next safe point");
    await platform.openGate(2);
    const { code, stdout } = await child.outcome;
    expect(stdout).toContain("Verification holds");
    expect(code).toBe(0);
    expect(await platform.lacking(ids)).toEqual([]);
  });

  it("says that the new filter is in place where Postgres dies after the swap", async () => {
    const ids = await platform.send(5_000);
    await platform.filter().add(ids.slice(0, 2_500));
    await platform.closeGate(2);
    const child = platform.start([
      ...["recover", "bloom", "--execute", "--config"],
      await platform.configure({ source: { table: "gated" } }),
    ]);
    await platform.admin.query("SELECT pg_terminate_backend($1)", [await platform.atGate(2)]);
    const { code, stderr } = await child.outcome;
    expect(stderr).toMatch(
      /^error POSTGRES_LOST {2}The new filter is in place, but: .+\n {2}next: .+ redisops recover resume bloom-\S+\n$/m,
    );
    expect(code).toBe(5);
    expect(await platform.lacking(ids)).toEqual([]);
  });

  it.each([
    { live: "of another shape", capacity: 5_000, appears: false },
    { live: "that appears during the rebuild, to be merged", capacity: 20_000, appears: true },
  ])("puts no lost shadow in the place of a live filter $live", async ({ capacity, appears }) => {
    await platform.send(5_000);
    await platform.admin.query(
      "INSERT INTO notifications SELECT 'recent-' || n, now() FROM generate_series(1, 2000) AS n",
    );
    const live = async () => {
      await platform.describeFilter(capacity);
      await platform.filter().add(Array.from({ length: 1_000 }, (_, n) => `learned-${n}`));
    };
    if (!appears) await live();
    await platform.closeGate(2);
    const child = platform.start([
      ...["recover", "bloom", "--execute", "--config"],
      await platform.configure({ source: { table: "gated" } }),
    ]);
    await platform.atGate(2);
    if (appears) await live();
    const shadow = await shadowKey();
    const { [shadow]: _lost, ...others } = await platform.keys();
    await platform.redis.unlink(shadow);
    await platform.openGate(2);
    const { code, stderr } = await child.outcome;
    expect(stderr).toMatch(
      /^error REDIS_ERROR {2}dedup Redis at .+ lost .+:shadow:.+ before it was put in place\n {2}next: .+\n$/m,
    );
    expect(code).toBe(5);
    expect(await platform.keys()).toEqual(others);
  });

  it("keeps its connection to Redis in use while it reads, as idle ones are closed", async () => {
    const { child } = await rebuildAtGate();
    await platform.redis.config("RESETSTAT");
    await waitUntil(async () => (await platform.redis.info("commandstats")).includes("cmdstat_pttl"), {
      what: "a command of the rebuild",
      deadlineMs: patience,
    });
    await platform.openGate(1);
    expect((await child.outcome).code).toBe(0);
  });

  it("refuses what turns out to be larger than the filter while it is read", async () => {
    await platform.describeFilter();
    await platform.filter().add((await platform.send(1_000)).slice(0, 500));
    await platform.admin.query(`
      CREATE FUNCTION few() RETURNS SETOF notifications ROWS 10 LANGUAGE plpgsql AS $$
      BEGIN
        IF current_query() LIKE '%count(*)%' THEN PERFORM pg_sleep(60); END IF;
        RETURN QUERY SELECT * FROM notifications;
      END $$;
      CREATE VIEW estimated AS SELECT * FROM few()`);
    const before = await platform.everything();
    const changes = { source: { table: "estimated" }, filter: { capacity: 500 } };
    const { code, stdout, stderr } = await platform.recoverBloom(changes, "--execute");
    expect(stdout).toMatch(/about \d ids/);
    expect(stderr).toMatch(/^error FILTER_TOO_SMALL {2}.+ more than the 500 ids .+\n {2}next: .+\n$/m);
    expect(code).toBe(5);
    expect(await platform.everything()).toEqual(before);
  });
});
