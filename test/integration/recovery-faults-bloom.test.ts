import { execFileSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BitmapFilter, configuredLayout } from "../../core/filter/bitmap-filter.ts";
import type { RedisServer } from "../../lab/servers/redis.ts";
import { startReplica } from "../../lab/servers/redis-replica.ts";
import { type Sentinels, startSentinels } from "../../lab/servers/sentinel.ts";
import { waitUntil } from "../../lab/wait.ts";
import { long } from "../fixtures/long.ts";
import { patience } from "../fixtures/processes.ts";
import { type RecoverPlatform, smallFilter, startRecoverPlatform } from "../fixtures/recover-platform.ts";

/** The primary is told to hand over, which takes a moment; or it dies, and the Sentinels have to see that first. */
const ways = long ? (["is asked for", "follows a crash"] as const) : (["is asked for"] as const);

describe.each(ways)("a failover that %s, in the middle of a rebuild", (way) => {
  let platform: RecoverPlatform;
  let replica: RedisServer;
  let sentinels: Sentinels;
  let promoted: Redis;

  beforeAll(async () => {
    platform = await startRecoverPlatform();
    const password = platform.env.TEST_REDIS_PASSWORD ?? "";
    await platform.redis.config("SET", "masterauth", password);
    replica = await startReplica(platform.workspace, platform.dedup, { name: "replica", password });
    sentinels = await startSentinels(platform.workspace, {
      name: "sentinel",
      primary: platform.dedup,
      primaryName: "dedup",
      downAfterMs: 1_000,
      password,
    });
    promoted = new Redis({ port: replica.port, password, protocol: 2 });
  }, patience);
  afterAll(async () => {
    promoted?.disconnect();
    await platform?.close();
  }, patience);

  it("ends the run half-way; resumed, it fills the new primary", { timeout: 3 * patience }, async () => {
    const ids = await platform.send(5_000);
    await platform.closeGate(1);
    const { address: _, ...dedup } = platform.config().roles.dedup;
    const roles = {
      dedup: { ...dedup, topology: "sentinel", sentinels: sentinels.addresses, primary: "dedup" },
    };
    const configFile = await platform.configure({ source: { table: "gated" }, sections: { roles } });
    const words = ["--config", configFile];
    const child = platform.start(["recover", "bloom", "--execute", "--settle", "0s", ...words]);
    await platform.atGate(1);
    if (way === "is asked for") await sentinels.failover();
    else {
      await platform.dedup.kill();
      await waitUntil(async () => (await sentinels.primaryAddress()).port === replica.port, {
        what: "the Sentinels to name the replica",
        deadlineMs: patience,
      });
    }
    await platform.openGate(1);
    const { code, stderr } = await child.outcome;
    expect(stderr).toMatch(/^error (TARGET_CHANGED|REDIS_[A-Z_]+) {2}/m);
    expect(code).toBe(5);
    const run = /redisops recover resume (\S+)/.exec(stderr)?.[1] ?? expect.fail(stderr);
    const resumed = await platform.start(["recover", "resume", run, ...words]).outcome;
    expect(resumed.code, `${resumed.stdout}${resumed.stderr}`).toBe(0);
    expect(resumed.stderr).toContain("begins anew");
    expect(resumed.stdout).toContain("Verification holds");
    const filter = new BitmapFilter(promoted, "dedup", smallFilter.key, configuredLayout(smallFilter));
    expect((await filter.has(ids)).filter((found) => !found)).toEqual([]);
    const shadows = (await promoted.keys("*:shadow:*")).map((key) => promoted.ttl(key));
    expect((await Promise.all(shadows)).filter((ttl) => ttl < 0)).toEqual([]);
  });
});

describe("a disk that is full in the middle of a rebuild", () => {
  let platform: RecoverPlatform;

  beforeAll(async () => {
    platform = await startRecoverPlatform();
  }, patience);
  afterAll(() => platform?.close(), patience);

  // Only Linux can limit what a process may write that runs already.
  it.skipIf(process.platform !== "linux")(
    "ends the run half-way; resumed when there is room, it fills the filter",
    { timeout: 3 * patience },
    async () => {
      const ids = await platform.send(5_000);
      await platform.closeGate(1);
      const words = ["--config", await platform.configure({ source: { table: "gated" } })];
      // A full disk sends no signal, as the limit that stands for it does.
      const unharmed = join(platform.folder, "unharmed.mjs");
      await writeFile(unharmed, 'process.on("SIGXFSZ", () => undefined);');
      const child = platform.start(["recover", "bloom", "--execute", "--settle", "0s", ...words], {
        NODE_OPTIONS: `--import=${unharmed}`,
        NODE_DISABLE_COMPILE_CACHE: "1",
      });
      await platform.atGate(1);
      const runs = join(platform.folder, "state", "runs");
      const [journal = ""] = readdirSync(runs);
      const { size } = statSync(join(runs, journal));
      // A part of the next line still fits: it must not count as written.
      execFileSync("prlimit", ["--pid", String(child.pid), `--fsize=${size + 20}`]);
      await platform.openGate(1);
      const { code, stdout, stderr } = await child.outcome;
      expect(stderr, stdout).toMatch(/^error JOURNAL_UNWRITABLE {2}Cannot write the journal .+EFBIG/m);
      expect(code).toBe(5);
      expect((await platform.lacking(ids)).length).toBe(ids.length);
      const run = journal.slice(0, -".jsonl".length);
      expect(stderr).toContain(`redisops recover resume ${run}`);
      const resumed = await platform.start(["recover", "resume", run, ...words]).outcome;
      expect(resumed.code, `${resumed.stdout}${resumed.stderr}`).toBe(0);
      expect(resumed.stdout).toContain("Verification holds");
      expect(await platform.lacking(ids)).toEqual([]);
    },
  );
});
