import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createRunTables, runTables } from "../../core/recovery-runs/run-tables.ts";
import { patience } from "../fixtures/processes.ts";
import { type RecoverPlatform, startRecoverPlatform } from "../fixtures/recover-platform.ts";

let platform: RecoverPlatform;
let plan: string;

beforeAll(async () => {
  platform = await startRecoverPlatform();
  plan = join(platform.folder, "plan.json");
  await createRunTables(platform.admin, runTables({ tables: {} }));
});
afterEach(async () => {
  await platform.reset();
  await platform.admin.query("TRUNCATE redisops_runs_locks, redisops_runs_journal, redisops_runs_chunks");
  await rm(join(platform.folder, "state"), { recursive: true, force: true });
});
afterAll(() => platform?.close());

/** redisops.yaml of a platform whose token buckets are in the same Redis. */
function configure(more: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const account = { limit_per_second: 10, account_sid: "AC1", auth_token: "${TEST_REDIS_PASSWORD}" };
  return platform.configure({
    sections: {
      roles: {
        token_bucket: {
          topology: "standalone",
          address: `127.0.0.1:${platform.dedup.port}`,
          password: "${TEST_REDIS_PASSWORD}",
        },
      },
      providers: { twilio: { kind: "twilio", base_url: "http://127.0.0.1:9", accounts: { main: account } } },
      ...more,
    },
  });
}

const bucket = "bucket:twilio:main";
const drain = () => platform.redis.hset(bucket, "tokens", "0", "updated_ms", "9999999999999");
const tokens = async () => Number(await platform.redis.hget(bucket, "tokens"));
const recover = async (words: readonly string[], config?: string) =>
  platform.start(["recover", ...words, "--config", config ?? (await configure())]).outcome;

describe("redisops recover", { timeout: patience }, () => {
  it("saves a plan, carries it out, lists and shows the run, and refuses to resume it", async () => {
    await drain();
    const config = await configure();
    const planned = await recover(["token-buckets", "--out", plan], config);
    expect(planned).toMatchObject({ code: 2, stderr: expect.stringContaining(`plan saved in ${plan}`) });
    expect(await tokens()).toBe(0);
    expect(await readFile(plan, "utf8")).toContain('"redisops_plan": 1');

    const applied = await recover(["apply", plan], config);
    expect(applied).toMatchObject({ code: 0, stderr: "" });
    expect(applied.stdout).toContain("Verification holds");
    expect(await tokens()).toBe(10);

    const listed = await recover(["list"], config);
    const run = /^(token-buckets-\S+) +succeeded /m.exec(listed.stdout)?.[1] ?? "";
    expect(listed).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^RUN +STATE +STARTED +HOST +WHY$/m),
    });
    const shown = await recover(["show", run], config);
    expect(shown.code).toBe(0);
    expect(shown.stdout).toMatch(/started on \S+, lock in postgres, fencing token 1/);
    expect(shown.stdout).toMatch(/verification holds: .+$/m);
    expect(JSON.parse((await recover(["show", run, "--json"], config)).stdout)).toMatchObject({
      run,
      state: "succeeded",
      journal: expect.arrayContaining([expect.objectContaining({ event: "verified", holds: true })]),
    });
    for (const words of [
      ["resume", run],
      ["join", run],
      ["throttle", run, "--max-rate", "5"],
    ]) {
      const refused = await recover(words, config);
      expect([words[0], refused.code]).toEqual([words[0], 64]);
    }
    expect((await recover(["resume", run], config)).stderr).toContain("RUN_FINISHED");
  });

  it("refuses a saved plan after the server restarted, and changes nothing", async () => {
    await drain();
    const config = await configure();
    await recover(["token-buckets", "--out", plan], config);
    await platform.dedup.restart({ empty: true });
    await drain();
    const { code, stderr } = await recover(["apply", plan], config);
    expect(stderr).toContain(
      "error PLAN_STALE  The plan is stale: run id of token_bucket Redis is another one",
    );
    expect(code).toBe(3);
    expect(await tokens()).toBe(0);
  });

  it("ends with 6 while another run has the role, and says which", async () => {
    await drain();
    await platform.admin.query(
      "INSERT INTO redisops_runs_locks VALUES ('token_bucket', 7, 'token-buckets-20260101T000000Z-abcdef', 'elsewhere', now() + interval '1 h')",
    );
    const { code, stderr } = await recover(["token-buckets", "--execute"]);
    expect(stderr).toContain(
      "error LOCK_HELD  The role token_bucket is being recovered by run token-buckets-20260101T000000Z-abcdef on elsewhere",
    );
    expect(code).toBe(6);
    expect(await tokens()).toBe(0);
  });

  it("says what to do without Postgres, and does it with a lock in a file", async () => {
    await drain();
    const config = await configure({
      postgres: {
        address: `127.0.0.1:${await platform.workspace.port()}`,
        database: "postgres",
        user: "redisops",
        password: "${TEST_POSTGRES_PASSWORD}",
      },
    });
    const refused = await recover(["token-buckets", "--execute"], config);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("--lock=file carries it out") });
    expect(await tokens()).toBe(0);
    const done = await recover(["token-buckets", "--execute", "--lock=file"], config);
    expect(done).toMatchObject({ code: 0, stderr: expect.stringContaining("warning: the lock is a file") });
    expect(await tokens()).toBe(10);
    const listed = await recover(["list"], config);
    expect(listed.stdout).toMatch(/token-buckets-\S+ +succeeded/);
    expect(listed.stderr).toContain("warning: only runs of this machine are listed");
  });

  it("plans nothing where nothing is wrong", async () => {
    expect(await recover(["all"])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("Nothing that a recovery"),
    });
    expect(await recover(["list"])).toMatchObject({
      code: 0,
      stdout: "No recovery has been carried out yet.\n",
    });
  });

  it.each([
    [["token-buckets", "--max-rate", "0"], "--max-rate must be a number"],
    [["token-buckets", "--max-rate", "fast"], "--max-rate must be a number"],
    [["token-buckets", "--max-rate", "-1"], "--max-rate must be a number"],
    [["token-buckets", "--lock", "redis"], "lock"],
    [["token-buckets", "--execute", "--out", "x.json"], "give --out or --execute"],
    [["token-buckets", "--out", "/no/such/folder/plan.json"], "cannot be written"],
    [["apply", "/no/such/plan.json"], "PLAN_INVALID"],
    [["apply"], "Not enough"],
    [["resume", "../../etc/passwd"], "is not the id of a run"],
    [["resume", "bloom-20260101T000000Z-abcdef"], "There is no run"],
    [["show", "bloom-20260101T000000Z-abcdef"], "There is no run"],
    [["join", "bloom-20260101T000000Z-abcdef"], "There is no run"],
    [["throttle", "bloom-20260101T000000Z-abcdef", "--max-rate", "10"], "There is no run"],
    [["throttle", "bloom-20260101T000000Z-abcdef"], "max-rate"],
    [["everything"], "Unknown"],
  ])("refuses %j", async (words, message) => {
    await drain();
    const { code, stderr } = await recover(words);
    expect(stderr).toContain(message);
    expect(code).toBe(64);
    expect(await tokens()).toBe(0);
  });

  it("refuses a plan that was changed into something else", async () => {
    await writeFile(plan, '{"redisops_plan":1,"platform":"test","recovery":"everything"}');
    expect(await recover(["apply", plan])).toMatchObject({
      code: 64,
      stderr: expect.stringContaining("PLAN_INVALID"),
    });
  });
});
