import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { BitmapFilter, bitmapKeys, configuredLayout, layoutToMeta } from "../../core/filter/bitmap-filter.ts";
import { bytesPerShard } from "../../core/filter/bitmap-layout.ts";
import { eventsOf, readJournals, wholeRun } from "../fixtures/journal.ts";
import { type RecoverPlatform, smallFilter, startRecoverPlatform } from "../fixtures/recover-platform.ts";

let platform: RecoverPlatform;

beforeAll(async () => {
  platform = await startRecoverPlatform();
});
afterEach(async () => {
  await platform.reset();
  await rm(join(platform.folder, "state"), { recursive: true, force: true });
});
afterAll(() => platform?.close());

const shapeOf = (capacity: number) => configuredLayout({ ...smallFilter, capacity });

/** A filter as workers that were configured for this capacity left it. */
async function liveFilter(capacity: number, ids: readonly string[]): Promise<void> {
  await platform.redis.hset(bitmapKeys.meta(smallFilter.key), layoutToMeta(shapeOf(capacity)));
  await platform.filter({ capacity }).add(ids);
}

/** Expects the live filter to be whole, of the given capacity, and alone on the server. */
async function expectLive(ids: readonly string[], capacity = smallFilter.capacity): Promise<void> {
  const layout = shapeOf(capacity);
  const keys = await platform.keys();
  const shards = Array.from({ length: layout.shards }, (_, n) => bitmapKeys.shard(smallFilter.key, n));
  expect(Object.keys(keys)).toEqual([...shards, bitmapKeys.meta(smallFilter.key)]);
  expect(Object.values(keys).filter(({ expires }) => expires)).toEqual([]);
  for (const shard of shards) expect(await platform.redis.strlen(shard)).toBe(bytesPerShard(layout));
  expect(await platform.redis.hgetall(bitmapKeys.meta(smallFilter.key))).toMatchObject(layoutToMeta(layout));
  expect(await platform.lacking(ids)).toEqual([]);
}

/** Share of 30,000 fixed ids that were never added. */
async function falsePositiveRatio(): Promise<number> {
  const never = Array.from({ length: 30_000 }, (_, n) => `never-${n}`);
  return (never.length - (await platform.lacking(never)).length) / never.length;
}

const mergedSteps = ["build", "check", "swap", "catch up live"];
const swappedSteps = ["build", "check", "catch up", "swap", "catch up live"];

describe("redisops recover bloom --execute", () => {
  it("builds the filter on an empty server and says how well", async () => {
    const ids = await platform.send(20_000);
    const { code, stdout, stderr } = await platform.recoverBloom({}, "--execute");

    expect(stderr).toMatch(/^ {2}read: 20,000 ids in .+ ids\/s\)\n {2}push: 0\.0 MiB in .+ MiB\/s\)\n$/);
    expect(code).toBe(0);
    expect(stdout).toMatch(/Done in [\d.]+ s\. Verification holds:/);
    expect(stdout).toMatch(/false negatives +0\.000 % \(0 of \d+ known-sent ids absent\)/);
    expect(stdout).toMatch(
      /false positives +[01]\.\d{3} % \(\d+ of \d+ never-sent ids present; target 1\.000 %\)/,
    );
    expect(stdout).toMatch(/modes that still hold +none/);
    await expectLive(ids);
    const ratio = await falsePositiveRatio();
    expect(ratio).toBeGreaterThan(0.005);
    expect(ratio).toBeLessThan(0.015);

    const [journal = []] = readJournals(join(platform.folder, "state"));
    expect(eventsOf(journal)).toEqual(wholeRun(...swappedSteps));
    expect(journal[0]).toMatchObject({
      recovery: "bloom",
      plan: { details: { ids: 20_000, engine: "bitmap" } },
    });
    expect(journal.at(-1)).toMatchObject({ holds: true, figures: { false_negative_ratio: 0 } });
    const path = /journal: (.+)$/m.exec(stdout)?.[1] ?? "";
    expect(readFileSync(path, "utf8")).toContain('"event":"verified"');
    expect((await platform.recoverBloom({})).stdout).toMatch(
      /duration +about .+ \(one earlier run on this machine\)/,
    );
  });

  it("fills up a filter that lost half of its ids", async () => {
    const ids = await platform.send(10_000);
    await liveFilter(20_000, ids.slice(0, 5_000));
    const { code } = await platform.recoverBloom({}, "--execute");
    expect(code).toBe(0);
    await expectLive(ids);
    expect(eventsOf(readJournals(join(platform.folder, "state"))[0] ?? [])).toEqual(wholeRun(...mergedSteps));
  });

  it.each(["bits", "layout"])("mends a filter that lost its %s", async (lost) => {
    const ids = await platform.send(2_000);
    await liveFilter(20_000, ids);
    const { shard, meta } = bitmapKeys;
    await platform.redis.del(lost === "bits" ? shard(smallFilter.key, 0) : meta(smallFilter.key));
    expect((await platform.recoverBloom({}, "--execute")).code).toBe(0);
    await expectLive(ids);
  });

  it("keeps what the live filter has learned and Postgres does not know", async () => {
    const ids = await platform.send(2_000);
    const learned = Array.from({ length: 1_000 }, (_, n) => `learned-${n}`);
    await liveFilter(20_000, learned);
    const { code, stdout } = await platform.recoverBloom({}, "--execute");
    expect(code).toBe(0);
    expect(stdout).toContain("merged with what the live filter has learned");
    await expectLive([...ids, ...learned]);
  });

  it("changes nothing more when it is run again", async () => {
    await platform.send(2_000);
    await platform.recoverBloom({}, "--execute");
    const before = await platform.everything();
    expect((await platform.recoverBloom({}, "--execute")).code).toBe(0);
    expect(await platform.everything()).toEqual(before);
  });

  it.each([{ former: 5_000 }, { former: 90_000 }])(
    "swaps the filter whole where its capacity was $former",
    async ({ former }) => {
      const ids = await platform.send(10_000);
      await liveFilter(former, ids.slice(0, 4_000));
      const { code, stdout } = await platform.recoverBloom({}, "--execute");
      expect(code).toBe(0);
      expect(stdout).toContain("ids that it knows and Postgres does not are forgotten");
      await expectLive(ids);
      expect(await falsePositiveRatio()).toBeLessThan(0.001);
    },
  );

  it("does not take over a saturated filter of its own shape", async () => {
    const ids = await platform.send(3_000);
    const old = Array.from({ length: 60_000 }, (_, n) => `old-${n}`);
    await liveFilter(20_000, old);
    const { code, stdout } = await platform.recoverBloom({}, "--execute");
    expect(stdout).toContain("in place of the live filter, not merged with it");
    expect(stdout).toContain("the live filter is saturated and must not be merged: ids that it knows");
    expect(stdout).toContain("Verification holds");
    expect(code).toBe(0);
    await expectLive(ids);
    expect(await falsePositiveRatio()).toBeLessThan(0.001);
    expect(eventsOf(readJournals(join(platform.folder, "state"))[0] ?? [])).toEqual(
      wholeRun(...swappedSteps),
    );
  });

  it("does not take over a filter that was lengthened with another layout", async () => {
    const ids = await platform.send(3_000);
    await liveFilter(20_000, ids.slice(0, 1_000));
    await platform.redis.setbit(bitmapKeys.shard(smallFilter.key, 0), 8_000_000, 1);
    const { code } = await platform.recoverBloom({}, "--execute");
    expect(code).toBe(0);
    await expectLive(ids);
  });

  it("removes the shards that the former filter had more", async () => {
    const ids = await platform.send(2_000);
    const former = { ...shapeOf(20_000), shards: 5 };
    await platform.redis.hset(bitmapKeys.meta(smallFilter.key), layoutToMeta(former));
    await new BitmapFilter(platform.redis, "dedup", smallFilter.key, former).add(ids);
    expect(Object.keys(await platform.keys())).toHaveLength(6);
    expect((await platform.recoverBloom({}, "--execute")).code).toBe(0);
    await expectLive(ids);
  });

  it("builds a filter of several shards, and merges with one", async () => {
    const capacity = 120_000_000;
    const ids = await platform.send(20_000);
    const learned = Array.from({ length: 1_000 }, (_, n) => `learned-${n}`);
    const first = await platform.recoverBloom({ filter: { capacity } }, "--execute");
    expect(first.stderr).toMatch(/push: 137\.\d MiB/);
    expect(first.code).toBe(0);
    await expectLive(ids, capacity);
    await platform.filter().add(learned);
    const second = await platform.recoverBloom({ filter: { capacity } }, "--execute");
    expect(second.stdout).toContain("merged with what the live filter has learned");
    expect(second.code).toBe(0);
    await expectLive([...ids, ...learned], capacity);
    const third = await platform.recoverBloom({}, "--execute");
    expect(third.code).toBe(0);
    await expectLive(ids);
  });

  it("skips rows without an id", async () => {
    const ids = await platform.send(500);
    await platform.admin.query(
      "CREATE VIEW with_nulls AS SELECT id, sent_at FROM notifications UNION ALL SELECT NULL, now() - interval '1 hour' FROM generate_series(1, 100)",
    );
    expect((await platform.recoverBloom({ source: { table: "with_nulls" } }, "--execute")).code).toBe(0);
    await expectLive(ids);
  });

  it("takes ids of any text, also as numbers and uuids", async () => {
    await platform.admin.query(`
      CREATE TABLE odd (id bigint, uuid uuid DEFAULT gen_random_uuid(), text text, sent_at timestamptz);
      INSERT INTO odd SELECT n, gen_random_uuid(), 'ключ "' || n || E'"\\n🔑', now() - interval '1 hour'
      FROM generate_series(1, 300) AS n`);
    for (const column of ["id", "uuid", "text"]) {
      const { rows } = await platform.admin.query<{ id: string }>(`SELECT ${column}::text AS id FROM odd`);
      const source = { table: "odd", id_column: column };
      expect((await platform.recoverBloom({ source }, "--execute")).code).toBe(0);
      await expectLive(rows.map(({ id }) => id));
      await platform.redis.flushall();
    }
  });
});
