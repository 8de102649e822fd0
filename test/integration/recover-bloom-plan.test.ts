import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type RecoverPlatform, startRecoverPlatform } from "../fixtures/recover-platform.ts";

let platform: RecoverPlatform;

beforeAll(async () => {
  platform = await startRecoverPlatform();
});
afterEach(() => platform.reset());
afterAll(() => platform?.close());

describe("the plan of redisops recover bloom", () => {
  it("says what it found and would do, exits 2 and changes nothing", async () => {
    const ids = await platform.send(5_000);
    await platform.filter().add(ids.slice(0, 2_500));
    const before = await platform.everything();

    const { code, stdout, stderr } = await platform.recoverBloom({});

    expect(stderr).toBe("");
    expect(code).toBe(2);
    expect(stdout).toContain(`Plan: recover bloom on dedup Redis at 127.0.0.1:${platform.dedup.port}`);
    expect(stdout).toMatch(/source +Postgres notifications\.id, last 24h: 5,000 ids/);
    expect(stdout).toMatch(
      /live filter +0\.0 MiB, about 2,\d{3} ids, fill [\d.]+ %; \d+ of 200 sampled ids absent/,
    );
    expect(stdout).toMatch(/new filter +bitmap "\{dedup:sent\}", 20,000 ids at 1\.00 % false positives/);
    expect(stdout).toMatch(/duration +not known: no earlier run on this machine/);
    expect(stdout).toContain("merged with what the live filter has learned");
    expect(stdout).toContain("Risks");
    expect(stdout.trimEnd()).toMatch(
      /Nothing was changed\. To carry it out: redisops recover bloom --execute --config \S+$/,
    );
    expect(await platform.everything()).toEqual(before);
    expect(existsSync(join(platform.folder, "state"))).toBe(false);
  });

  it("holds the same facts as one JSON document", async () => {
    await platform.send(5_000);
    const before = await platform.everything();
    const text = await platform.recoverBloom({});
    const { code, stdout, stderr } = await platform.recoverBloom({}, "--json");

    expect(code).toBe(2);
    expect(stderr).toBe("");
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({
      recovery: "bloom",
      status: "planned",
      plan: {
        hasChanges: true,
        items: 5_000,
        duration: expect.stringMatching(/^not known: no earlier run on this machine/),
      },
    });
    const lines = text.stdout.split("\n").map((line) => line.trim().replaceAll(/ +/g, " "));
    for (const { label, value } of document.plan.facts) {
      expect(lines).toContainEqual(`${label} ${value}`);
    }
    for (const line of [...document.plan.steps, ...document.plan.risks]) expect(text.stdout).toContain(line);
    expect(await platform.everything()).toEqual(before);
  });

  it("has nothing to do where the source is empty, also with --execute", async () => {
    await platform.filter().add(["learned"]);
    const before = await platform.everything();
    for (const words of [[], ["--execute"]]) {
      const { code, stdout, stderr } = await platform.recoverBloom({}, ...words);
      expect(stderr).toBe("");
      expect(code).toBe(0);
      expect(stdout.trimEnd()).toMatch(/Nothing to do\.$/);
    }
    const json = await platform.recoverBloom({}, "--execute", "--json");
    expect(json.code).toBe(0);
    expect(JSON.parse(json.stdout)).toMatchObject({ status: "nothing_to_do", plan: { hasChanges: false } });
    expect(await platform.everything()).toEqual(before);
  });

  it("counts only the window", async () => {
    await platform.send(100);
    await platform.admin.query("INSERT INTO notifications VALUES ('old', now() - interval '25 hours')");
    const { stdout } = await platform.recoverBloom({}, "--json");
    expect(JSON.parse(stdout).plan.items).toBe(100);
    const wider = await platform.recoverBloom({ source: { window: "26h" } }, "--json");
    expect(JSON.parse(wider.stdout).plan.items).toBe(101);
  });

  it("falls back to the planner's estimate where counting takes too long, and says so", async () => {
    await platform.send(1_000);
    await platform.admin.query(`
      CREATE FUNCTION slowly() RETURNS boolean LANGUAGE plpgsql AS $$
      BEGIN
        IF current_query() LIKE '%count(*)%' THEN PERFORM pg_sleep(60); END IF;
        RETURN true;
      END $$;
      CREATE VIEW slow AS SELECT id, sent_at FROM notifications WHERE slowly()`);
    const { code, stdout } = await platform.recoverBloom({ source: { table: "slow" } });
    expect(code).toBe(2);
    expect(stdout).toMatch(/source +Postgres slow\.id, last 24h: about [\d,]+ ids/);
  });

  it("refuses nothing because of an estimate, and names the risk", async () => {
    await platform.send(1_000);
    await platform.admin.query(`
      CREATE FUNCTION many() RETURNS SETOF notifications ROWS 50000 LANGUAGE plpgsql AS $$
      BEGIN
        IF current_query() LIKE '%count(*)%' THEN PERFORM pg_sleep(60); END IF;
        RETURN QUERY SELECT * FROM notifications;
      END $$;
      CREATE VIEW overestimated AS SELECT * FROM many()`);
    const changes = { source: { table: "overestimated" }, filter: { capacity: 2_000 } };
    const { code, stdout } = await platform.recoverBloom(changes);
    expect(stdout).toMatch(/about [\d,]+ ids/);
    expect(stdout).toContain("the source is estimated to hold more ids than the 2,000 that the filter");
    expect(code).toBe(2);
    expect((await platform.recoverBloom(changes, "--execute")).code).toBe(0);
  });

  it("warns that a live filter of another shape is not merged", async () => {
    await platform.send(100);
    await platform.filter({ capacity: 5_000 }).add(["learned"]);
    await platform.redis.hset("{dedup:sent}:meta", {
      version: "1",
      capacity: "5000",
      error_rate: "0.01",
      hashes: "7",
      shards: "1",
      bits_per_shard: "47936",
    });
    const { code, stdout } = await platform.recoverBloom({});
    expect(code).toBe(2);
    expect(stdout).toContain("the live filter cannot be merged (other shape or engine)");
    expect(stdout).toContain("in place of the live filter");
  });
});
