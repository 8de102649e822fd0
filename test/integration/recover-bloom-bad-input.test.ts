import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { bitmapKeys } from "../../core/filter/bitmap-filter.ts";
import {
  type ConfigChanges,
  type RecoverPlatform,
  smallFilter,
  startRecoverPlatform,
} from "../fixtures/recover-platform.ts";
import type { Outcome } from "../fixtures/redisops-child.ts";

let platform: RecoverPlatform;

beforeAll(async () => {
  platform = await startRecoverPlatform();
});
afterEach(() => platform.reset());
afterAll(() => platform?.close());

/** Expects one error with its code and what to do next, on stderr and nowhere else. */
function expectError({ code, stderr }: Outcome, name: string, exitCode: number, message: RegExp): void {
  expect(stderr).toMatch(new RegExp(`^error ${name}  .+\n(?:  .+\n)*  next: .+\n$`));
  expect(stderr).toMatch(message);
  expect(code).toBe(exitCode);
}

/** Runs the rebuild as a plan, and with --execute and --json; both must fail alike and change nothing. */
async function expectRefused(
  run: (...words: string[]) => Promise<Outcome>,
  [name, exitCode, message]: readonly [string, number, RegExp],
): Promise<void> {
  const before = await platform.everything();
  const [plan, json] = await Promise.all([run(), run("--execute", "--json")]);
  expectError(plan, name, exitCode, message);
  expect(json.stderr).toBe("");
  const { error } = JSON.parse(json.stdout);
  expect(error).toMatchObject({ code: name, next: expect.stringMatching(/.+/) });
  expect(`${error.message}\n  next: ${error.next}`).toMatch(message);
  expect(json.code).toBe(exitCode);
  expect(await platform.everything()).toEqual(before);
}

const withChanges =
  (changes: ConfigChanges) =>
  (...words: string[]) =>
    platform.recoverBloom(changes, ...words);

async function sendAndAdd(count = 500): Promise<void> {
  await platform.describeFilter();
  await platform.filter().add(await platform.send(count));
}

it("redisops recover bloom says that the server refuses writes", async () => {
  await sendAndAdd();
  await platform.redis.config("SET", "min-replicas-to-write", 1);
  try {
    const { code, stderr } = await platform.recoverBloom({}, "--execute");
    expect(stderr).toMatch(/^error REDIS_WRITE_REFUSED {2}dedup Redis at .+: NOREPLICAS /m);
    expect(code).toBe(5);
  } finally {
    await platform.redis.config("SET", "min-replicas-to-write", 0);
  }
});

describe("redisops recover bloom refuses", () => {
  it("a configuration that is not there", async () => {
    const file = join(platform.folder, "missing.yaml");
    await expectRefused(
      (...words) => platform.start(["recover", "bloom", "--config", file, ...words]).outcome,
      ["CONFIG_NOT_FOUND", 64, /missing\.yaml/],
    );
  });

  it("a configuration that is no YAML", async () => {
    const file = join(platform.folder, "broken.yaml");
    await writeFile(file, "platform: test\nroles: {dedup: [\n");
    await expectRefused(
      (...words) => platform.start(["recover", "bloom", "--config", file, ...words]).outcome,
      ["CONFIG_SYNTAX", 64, /broken\.yaml:\d+:\d+/],
    );
  });

  it.each([
    { lacks: "roles.dedup", sections: { roles: {} } },
    { lacks: "postgres.tables.sent_notifications", sections: { postgres: undefined } },
  ])("a configuration without $lacks", async ({ lacks, sections }) => {
    await expectRefused(withChanges({ sections }), ["CONFIG_INCOMPLETE", 64, new RegExp(lacks)]);
  });

  it("a secret whose variable is not set", async () => {
    await sendAndAdd();
    for (const changes of [{ dedupPassword: "${NOT_SET}" }, { postgres: { password: "${NOT_SET}" } }]) {
      await expectRefused(withChanges(changes), ["SECRET_UNRESOLVED", 64, /variable NOT_SET is not set/]);
    }
  });

  it("a Redis at whose address nothing listens", async () => {
    const dedupAddress = `127.0.0.1:${await platform.workspace.port()}`;
    await expectRefused(withChanges({ dedupAddress }), ["REDIS_REFUSED", 1, /dedup Redis at 127\.0\.0\.1/]);
  });

  it("a wrong Redis password, and none", async () => {
    await sendAndAdd();
    for (const dedupPassword of ["${HOME}", "file:/dev/null"]) {
      await expectRefused(withChanges({ dedupPassword }), ["REDIS_AUTH", 1, /dedup Redis at .+ rejects/]);
    }
  });

  it("a Redis that hangs", async () => {
    const configFile = await platform.configure();
    platform.dedup.pause();
    try {
      const outcome = await platform.start(["recover", "bloom", "--config", configFile]).outcome;
      expectError(outcome, "REDIS_TIMEOUT", 1, /dedup Redis at .+ did not answer before the deadline/);
    } finally {
      platform.dedup.resume();
    }
  });

  it("a Postgres at whose address nothing listens", async () => {
    await sendAndAdd();
    const address = `127.0.0.1:${await platform.workspace.port()}`;
    await expectRefused(withChanges({ postgres: { address } }), [
      "POSTGRES_REFUSED",
      1,
      /Postgres postgres at/,
    ]);
  });

  it("a Postgres that hangs", async () => {
    const configFile = await platform.configure();
    platform.postgres.pause();
    try {
      const outcome = await platform.start(["recover", "bloom", "--config", configFile]).outcome;
      expectError(outcome, "POSTGRES_TIMEOUT", 1, /Postgres postgres at .+: timeout expired/);
    } finally {
      platform.postgres.resume();
    }
  });

  it("a wrong Postgres password", async () => {
    await sendAndAdd();
    const postgres = { password: "${HOME}" };
    await expectRefused(withChanges({ postgres }), ["POSTGRES_AUTH", 1, /Postgres postgres at/]);
  });

  it.each([
    { source: { table: "no_such_table" }, named: /no_such_table/ },
    { source: { table: "no_schema.notifications" }, named: /no_schema/ },
    { source: { id_column: "no_such_column" }, named: /no_such_column/ },
    { source: { sent_at_column: "no_such_time" }, named: /no_such_time/ },
  ])("a source that does not exist: $source", async ({ source, named }) => {
    await sendAndAdd();
    await expectRefused(withChanges({ source }), ["POSTGRES_RELATION_MISSING", 1, named]);
  });

  it("a time column that holds no time", async () => {
    await sendAndAdd();
    await expectRefused(withChanges({ source: { sent_at_column: "id" } }), ["POSTGRES_ERROR", 1, /Postgres/]);
  });

  it("a source that is larger than the filter", async () => {
    await sendAndAdd();
    await expectRefused(withChanges({ filter: { capacity: 499 } }), [
      "FILTER_TOO_SMALL",
      1,
      /500 ids are to go into a filter sized for 499\n {2}next: .*at least 750/,
    ]);
  });

  it("a Redis without the memory for a second filter", async () => {
    await sendAndAdd();
    await platform.redis.config("SET", "maxmemory", "16mb");
    try {
      const filter = { capacity: 20_000_000 };
      await expectRefused(withChanges({ filter }), [
        "MEMORY_SHORT",
        1,
        /of 16\.0 MiB; the rebuild needs 22\.\d MiB/,
      ]);
    } finally {
      await platform.redis.config("SET", "maxmemory", "0");
    }
  });

  it.each([bitmapKeys.shard(smallFilter.key, 0), bitmapKeys.meta(smallFilter.key)])(
    "foreign data at %s",
    async (key) => {
      await platform.send(500);
      await platform.redis.sadd(key, "somebody else's");
      await expectRefused(withChanges({}), ["FILTER_WRONG_TYPE", 1, /holds another type of value/]);
    },
  );

  it("a string that is longer than a shard and that nothing describes", async () => {
    await platform.send(500);
    await platform.redis.set(bitmapKeys.shard(smallFilter.key, 0), Buffer.alloc(1_000_000, 0xff));
    await expectRefused(withChanges({}), [
      "FILTER_WRONG_TYPE",
      1,
      /\{dedup:sent\}:bits:0 has 1,000,000 bytes, where a shard of the filter has 23,968 bytes/,
    ]);
  });

  it("a source whose rows are all older than the window, naming the newest", async () => {
    await platform.admin.query(
      "INSERT INTO notifications VALUES ('old', '2020-01-01T00:00Z'), ('newer', '2021-02-03T04:05Z')",
    );
    await expectRefused(withChanges({}), [
      "FILTER_SOURCE_EMPTY",
      1,
      /none within the last 24h: the newest sent_at is 2021-02-03 .+\n {2}next: .+window and sent_at_column/,
    ]);
  });

  it("a layout that describes no filter", async () => {
    await sendAndAdd();
    await platform.redis.hset(bitmapKeys.meta(smallFilter.key), { version: "2", hashes: "many" });
    await expectRefused(withChanges({}), ["FILTER_WRONG_TYPE", 1, /:meta does not describe a bitmap filter/]);
  });

  it("BF commands on a Redis that has none, naming the choice", async () => {
    await platform.send(500);
    await expectRefused(withChanges({ filter: { engine: "redisbloom" } }), [
      "FILTER_ENGINE_UNSUPPORTED",
      1,
      /has no BF commands, but the engine is redisbloom\n {2}next: .+ set roles\.dedup\.filter\.engine to bitmap/,
    ]);
  });

  it("to act where the journal cannot be written", async () => {
    await sendAndAdd();
    const stateDir = join(platform.folder, "a-file");
    await writeFile(stateDir, "");
    const before = await platform.everything();
    expect((await platform.recoverBloom({ stateDir })).code).toBe(2);
    const outcome = await platform.recoverBloom({ stateDir }, "--execute");
    expectError(outcome, "JOURNAL_UNWRITABLE", 1, /a-file/);
    expect(await platform.everything()).toEqual(before);
  });

  it("words that it does not know", async () => {
    await expectRefused(withChanges({}).bind(undefined, "--exceute"), ["USAGE", 64, /exceute/]);
    const outcome = await platform.start(["recover", "blooms"]).outcome;
    expectError(outcome, "USAGE", 64, /bloom/);
  });
});
