import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { recoveryRoles } from "../../catalog/recoveries.ts";
import { parseConfig } from "../../core/config/load.ts";
import type { PostgresConfig } from "../../core/config/postgres-section.ts";
import { RedisopsError } from "../../core/errors.ts";
import { type Announcement, announce } from "../../core/recovery-runs/announce.ts";
import { latestRuns } from "../../core/recovery-runs/latest-runs.ts";
import { createRunTables, runTables } from "../../core/recovery-runs/run-tables.ts";
import { createRunsTable } from "../../core/recovery-runs/table.ts";
import { startRedis } from "../../lab/servers/redis.ts";
import { waitUntil } from "../../lab/wait.ts";
import { executePlan, preparePlan, type RunSettings } from "../../recovery/engine.ts";
import { loadRecovery } from "../../recovery/recoveries.ts";
import type { Recovery, RecoveryContext, Run } from "../../recovery/recovery.ts";
import { patience } from "../fixtures/processes.ts";
import { connectAdmin, type RecoverPlatform, startRecoverPlatform } from "../fixtures/recover-platform.ts";
import { startStallingProxy } from "../fixtures/stalling-proxy.ts";
import { type ExporterUnderTest, secretFile, startExporter } from "./exporter-harness.ts";
import type { MetricsPage } from "./exporter-page.ts";

const bloomLabels = { role: "dedup", recovery: "bloom" } as const;
const bloomRun = { kind: "recovery", name: "bloom", role: "dedup" } as const;

let platform: RecoverPlatform;
let password: string;
let exporter: ExporterUnderTest;
let problems: string[];

beforeAll(async () => {
  platform = await startRecoverPlatform();
  password = await secretFile(platform.workspace, platform.postgres.password);
  exporter = await startExporter(platform.workspace, { postgres: section() });
});
beforeEach(() => {
  problems = [];
});
afterEach(async () => {
  await platform.reset();
  await platform.admin.query("DROP TABLE IF EXISTS redisops_runs");
  await rm(join(platform.folder, "state"), { recursive: true, force: true });
});
afterAll(() => platform?.close());

/** The postgres section of redisops.yaml. */
function section(changes: Readonly<Record<string, unknown>> = {}) {
  return {
    address: `127.0.0.1:${platform.postgres.port}`,
    database: "postgres",
    user: platform.postgres.user,
    password,
    tables: {},
    ...changes,
  };
}

/** redisops.yaml with nothing but Postgres. */
const configWith = (postgres: object | undefined) =>
  parseConfig(
    JSON.stringify({
      platform: "test",
      roles: {},
      state_dir: join(platform.folder, "state"),
      ...(postgres === undefined ? {} : { postgres }),
    }),
    "test",
  );

function postgresConfig(changes: Readonly<Record<string, unknown>> = {}): PostgresConfig {
  const { postgres } = configWith(section(changes));
  if (postgres === undefined) throw new Error("no postgres section");
  return postgres;
}

const announced = (run: Parameters<typeof announce>[1] = bloomRun) =>
  announce(postgresConfig(), run, (problem) => void problems.push(problem));

function contextOf(postgres: object | undefined, signal = new AbortController().signal): RecoveryContext {
  return {
    config: configWith(postgres),
    options: {},
    signal,
    onProgress: () => undefined,
    onStepEnd: () => undefined,
    onWarning: (message) => void problems.push(message),
  };
}

/** A rebuild whose work, and what the verification finds, the test decides. */
function recoveryOf(
  work: (context: RecoveryContext, run: Run) => Promise<unknown>,
  holds = true,
): Recovery<unknown> {
  return {
    ...{ name: "bloom", role: "dedup", needsPostgres: false },
    pins: async () => [],
    plan: async () => ({
      ...{ target: "test", facts: [], steps: [], risks: [] },
      ...{ hasChanges: true, items: 100, details: {} },
    }),
    execute: async (context, _plan, run) => void (await work(context, run)),
    verify: async () => ({ holds, facts: [], figures: {} }),
  };
}

async function execute(
  recovery: Recovery<unknown>,
  context = contextOf(section()),
  settings: RunSettings = {},
) {
  const { plan } = await preparePlan(recovery, context);
  return executePlan(recovery, context, plan, settings);
}

const succeed = () => execute(recoveryOf(async () => undefined));
const fail = () =>
  execute(
    recoveryOf(async () => {
      throw new RedisopsError("REDIS_TIMEOUT", "too late");
    }),
  ).catch(() => undefined);

async function rows(): Promise<readonly Record<string, unknown>[]> {
  const found = await platform.admin.query<Record<string, unknown>>(
    "SELECT kind, name, role, state, done, total, error_code, ended_at IS NOT NULL AS ended FROM redisops_runs ORDER BY started_at",
  );
  return found.rows;
}

/** Makes every run and every lock older, as time would. */
async function age(seconds: number): Promise<void> {
  await platform.admin.query(
    "UPDATE redisops_runs SET started_at = started_at - $1 * interval '1 s', heartbeat_at = heartbeat_at - $1 * interval '1 s', ended_at = ended_at - $1 * interval '1 s'",
    [seconds],
  );
  await createRunTables(platform.admin, runTables({ tables: {} }));
  await platform.admin.query(
    "UPDATE redisops_runs_locks SET heartbeat_at = heartbeat_at - $1 * interval '1 s'",
    [seconds],
  );
}

/** What the page says of the rebuild: whether it runs, and whether its last run failed. */
async function verdict(): Promise<readonly [running: unknown, failed: unknown]> {
  const page = await exporter.scrape();
  expect(page.value("redisops_probe_success", { probe: "runs" })).toBe(1);
  return [
    page.value("redisops_recovery_running", bloomLabels),
    page.value("redisops_recovery_last_run_failed", bloomLabels),
  ];
}

const ofRuns = (page: MetricsPage) =>
  page.series.filter(({ name }) => /^redisops_(?:recovery|drill)_/.test(name));

describe("a run that others see", { timeout: patience }, () => {
  it("is nothing to anybody before the first one, not even an error in Postgres's log", async () => {
    const page = await exporter.scrape();
    expect(ofRuns(page)).toEqual([]);
    expect(page.value("redisops_probe_success", { probe: "runs", role: "postgres", target: "runs" })).toBe(1);
  });

  it("is on the page while it runs, with its progress, and has ended afterwards", async () => {
    let seen: MetricsPage | undefined;
    const before = Date.now() / 1000;
    await execute(
      recoveryOf(async ({ onProgress }) => {
        expect(await verdict()).toEqual([1, 0]);
        onProgress({ phase: "read", done: 30, total: 120, unit: "ids" });
        seen = await exporter.scrapeUntil("the progress", (page) =>
          [0.25].includes(page.value("redisops_recovery_done_ratio", bloomLabels) ?? 0),
        );
      }),
    );
    expect(seen?.all("redisops_recovery_last_end_timestamp_seconds")).toEqual([]);
    const page = await exporter.scrape();
    expect(await verdict()).toEqual([0, 0]);
    expect(page.all("redisops_recovery_done_ratio")).toEqual([]);
    const started = page.value("redisops_recovery_last_start_timestamp_seconds", bloomLabels) ?? 0;
    const ended = page.value("redisops_recovery_last_end_timestamp_seconds", bloomLabels) ?? 0;
    expect(started).toBeGreaterThan(before - 1);
    expect(ended).toBeGreaterThan(started);
    expect(await rows()).toEqual([
      {
        ...{ kind: "recovery", name: "bloom", role: "dedup", state: "succeeded" },
        ...{ done: 30, total: 120, error_code: null, ended: true },
      },
    ]);
    expect(problems).toEqual([]);
  });

  it("that failed stays failed until a later one succeeds, whatever runs or is interrupted meanwhile", async () => {
    await fail();
    expect(await verdict()).toEqual([0, 1]);
    expect(await rows()).toMatchObject([{ state: "failed", error_code: "REDIS_TIMEOUT", ended: true }]);

    const interruption = new AbortController();
    const stopped = recoveryOf(async ({ signal }) => {
      expect(await verdict()).toEqual([1, 1]);
      interruption.abort(new RedisopsError("INTERRUPTED", "enough"));
      signal.throwIfAborted();
    });
    await expect(execute(stopped, contextOf(section(), interruption.signal))).rejects.toThrow("enough");
    expect(await rows()).toMatchObject([
      {},
      { state: "interrupted", error_code: "INTERRUPTED", ended: true },
    ]);
    expect(await verdict()).toEqual([0, 1]);

    await succeed();
    expect(await verdict()).toEqual([0, 0]);
  });

  it("that was interrupted is no failure", async () => {
    await succeed();
    await (await announced()).end("interrupted", "INTERRUPTED");
    expect(await verdict()).toEqual([0, 0]);
  });

  it("whose verification does not hold has failed", async () => {
    const report = await execute(recoveryOf(async () => undefined, false));
    expect(report.verification.holds).toBe(false);
    expect(await rows()).toMatchObject([{ state: "failed", error_code: "VERIFICATION_FAILED" }]);
    expect(await verdict()).toEqual([0, 1]);
  });

  it("is one of several: the first to end does not end the others, and the last to end decides", async () => {
    const [first, second] = [await announced(), await announced()];
    await second.end("failed", "REDIS_TIMEOUT");
    expect(await verdict()).toEqual([1, 1]);
    await first.end("succeeded");
    expect(await verdict()).toEqual([0, 0]);
  });

  it("has died when it gave no sign of life for 30 seconds, and lives again with the next one", async () => {
    const run = await announced();
    expect(await verdict()).toEqual([1, 0]);
    await age(31);
    expect(await verdict()).toEqual([0, 1]);
    await waitUntil(async () => (await verdict())[0] === 1, {
      what: "the next heartbeat",
      deadlineMs: patience,
    });
    expect(await verdict()).toEqual([1, 0]);
    await run.end("succeeded");
  });

  it("keeps its row through a Postgres that drops its connection", async () => {
    const run = await announced();
    await platform.admin.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'redisops'",
    );
    await run.end("succeeded");
    expect(await rows()).toMatchObject([{ state: "succeeded", ended: true }]);
    expect(problems).toEqual([]);
  });

  it("deletes what is older than 90 days at its end, and never what decides whether a recovery failed", async () => {
    await platform.admin.query(createRunsTable("redisops_runs"));
    await platform.admin.query(`
      INSERT INTO redisops_runs (run, kind, name, role, state, heartbeat_at, host)
      SELECT run, kind, name, role, state, now() - age * interval '1 day', 'here' FROM (VALUES
        ('old, decided since', 'recovery', 'token-buckets', 'token_bucket', 'failed', 300),
        ('old, decides', 'recovery', 'token-buckets', 'token_bucket', 'failed', 200),
        ('old, interrupted', 'recovery', 'token-buckets', 'token_bucket', 'interrupted', 100),
        ('old, of another one', 'recovery', 'bloom', 'dedup', 'failed', 91),
        ('young', 'recovery', 'bloom', 'dedup', 'failed', 89),
        ('old drill', 'drill', 'BloomCold', 'dedup', 'interrupted', 91),
        ('young drill', 'drill', 'BloomCold', 'dedup', 'interrupted', 89)
      ) AS given (run, kind, name, role, state, age)`);
    await succeed();
    const { rows: left } = await platform.admin.query<{ run: string }>("SELECT run FROM redisops_runs");
    expect(left.map(({ run }) => run.replace(/^bloom-.+/, "the new one")).sort()).toEqual(
      ["old, decides", "old, interrupted", "the new one", "young", "young drill"].sort(),
    );
    expect(problems).toEqual([]);
    const page = await exporter.scrape();
    expect(page.value("redisops_recovery_last_run_failed", { recovery: "token-buckets" })).toBe(1);
  });

  it("ends as it should where its user may not delete, without a word", async () => {
    await platform.admin.query(
      `${createRunsTable("redisops_runs")}; CREATE ROLE runner LOGIN PASSWORD 'run'; GRANT SELECT, INSERT, UPDATE ON redisops_runs TO runner`,
    );
    const { locks, journal, chunks } = runTables({ tables: {} });
    await createRunTables(platform.admin, runTables({ tables: {} }));
    await platform.admin.query(`GRANT SELECT, INSERT, UPDATE ON ${locks}, ${journal}, ${chunks} TO runner`);
    const own = await secretFile(platform.workspace, "run");
    await execute(
      recoveryOf(async () => undefined),
      contextOf(section({ user: "runner", password: own })),
    );
    expect(await rows()).toMatchObject([{ state: "succeeded", ended: true }]);
    expect(problems).toEqual([]);
    await platform.admin.query("DROP OWNED BY runner; DROP ROLE runner");
  });

  it("begins the table together with another first one", async () => {
    for (let round = 0; round < 8; round += 1) {
      const runs = await Promise.all([announced(), announced(), announced()]);
      expect(problems).toEqual([]);
      expect(await rows()).toHaveLength(3);
      await Promise.all(runs.map((run: Announcement) => run.end("succeeded")));
      await platform.admin.query("DROP TABLE redisops_runs");
    }
  });

  it("may be a drill, which is on the page with its mode while it is under way", async () => {
    const drill = await announced({ kind: "drill", name: "BloomCold", role: "dedup" });
    const other = await announced({ kind: "drill", name: "RedisDown?", role: "dedup" });
    expect(ofRuns(await exporter.scrape())).toMatchObject([
      { name: "redisops_drill_running", labels: { role: "dedup", mode: "BloomCold" }, value: 1 },
    ]);
    await Promise.all([drill.end("succeeded"), other.end("failed")]);
    expect(ofRuns(await exporter.scrape())).toEqual([]);
  });

  it("is in the table that redisops.yaml names", async () => {
    await platform.admin.query("CREATE SCHEMA own");
    const tables = { runs: { table: "own.Runs" } };
    const run = await announce(
      postgresConfig({ tables }),
      bloomRun,
      (problem) => void problems.push(problem),
    );
    const named = await startExporter(platform.workspace, { postgres: section({ tables }) });
    expect((await named.scrape()).value("redisops_recovery_running", bloomLabels)).toBe(1);
    await run.end("succeeded");
    expect(problems).toEqual([]);
    await platform.admin.query("DROP SCHEMA own CASCADE");
  });
});

describe("the page of the runs", { timeout: patience }, () => {
  it("knows each recovery that there is, with its own role", async () => {
    for (const [name, role] of Object.entries(recoveryRoles))
      expect(await loadRecovery(name as keyof typeof recoveryRoles)).toMatchObject({ name, role });
  });

  it("reads a bounded part of a table of any size, and only names that exist", async () => {
    await platform.admin.query(createRunsTable("redisops_runs"));
    await platform.admin.query(`
      INSERT INTO redisops_runs (run, kind, name, role, state, started_at, heartbeat_at, host)
      SELECT n::text, CASE WHEN n % 3 = 0 THEN 'drill' ELSE 'recovery' END,
             (ARRAY['bloom', 'token-buckets', 'no such thing'])[n % 3 + 1], (ARRAY['dedup', 'token_bucket', 'x'])[n % 3 + 1],
             CASE WHEN n % 7 = 0 THEN 'failed' ELSE 'interrupted' END, at, at, 'here'
      FROM generate_series(1, 60000) AS n, LATERAL (SELECT now() - n * interval '1 minute' AS at) AS times`);
    await platform.admin.query("ANALYZE redisops_runs");
    const statements: string[] = [];
    const client = {
      query: async (text: string, values: unknown[]) => {
        const { rows: plan } = await platform.admin.query<Record<string, string>>(`EXPLAIN ${text}`, values);
        statements.push(plan.map((line) => line["QUERY PLAN"]).join("\n"));
        return platform.admin.query(text, values);
      },
    };
    const { recoveries: found } = await latestRuns(client as never, "redisops_runs");
    expect(statements).toHaveLength(1);
    expect(statements[0]).not.toContain("Seq Scan on redisops_runs");
    expect(found).toMatchObject([{ recovery: "token-buckets", failed: true, running: undefined }]);
    expect(ofRuns(await exporter.scrape()).map(({ labels }) => labels)).toEqual(
      Array.from({ length: 4 }, () => ({ role: "token_bucket", recovery: "token-buckets" })),
    );
  });

  it("says when the table may not be read", async () => {
    await platform.admin.query(
      `${createRunsTable("redisops_runs")}; CREATE ROLE looker LOGIN PASSWORD 'look'`,
    );
    const own = await secretFile(platform.workspace, "look");
    const other = await startExporter(platform.workspace, {
      postgres: section({ user: "looker", password: own }),
    });
    const page = await other.scrape();
    expect(page.value("redisops_probe_success", { probe: "runs" })).toBe(0);
    expect(page.verdict("postgres")).toBe("up");
    const { error } = await other.result("runs", "runs");
    expect(error).toMatchObject({ code: "POSTGRES_AUTH", message: expect.stringContaining("redisops_runs") });
    await platform.admin.query("GRANT SELECT ON redisops_runs TO looker");
    expect((await other.scrape()).value("redisops_probe_success", { probe: "runs" })).toBe(1);
    await platform.admin.query("DROP OWNED BY looker; DROP ROLE looker");
  });
});

describe("a run that cannot be made visible goes on, and says so once,", { timeout: patience }, () => {
  /** Carries out an empty recovery; what it said besides that its lock is a file. */
  async function saidBy(
    postgres: object | undefined,
    lock: RunSettings["lock"] = "file",
  ): Promise<readonly string[]> {
    const { verification } = await execute(
      recoveryOf(async () => undefined),
      contextOf(postgres),
      { lock },
    );
    expect(verification.holds).toBe(true);
    return problems.filter((problem) => !problem.startsWith("the lock is a file on this machine"));
  }

  it("without Postgres in redisops.yaml", async () => {
    expect(await saidBy(undefined)).toEqual([
      "others cannot see this run, nor its lock: redisops.yaml has no postgres, where both would be",
    ]);
  });

  it("with a Postgres that is away", async () => {
    const address = `127.0.0.1:${await platform.workspace.port()}`;
    expect(await saidBy(section({ address }))).toEqual([
      expect.stringMatching(
        /^others cannot see this run: Postgres postgres at .+ECONNREFUSED.+recovery-runs/,
      ),
    ]);
  });

  it("with a Postgres that hangs", async () => {
    const { address } = await startStallingProxy(platform.workspace, platform.postgres.port, 4);
    expect(await saidBy(section({ address }))).toEqual([
      expect.stringMatching(
        /^others cannot see this run: .+(?:timeout expired|did not answer before the deadline)/,
      ),
    ]);
  });

  it("with a table that is locked", async () => {
    await platform.admin.query(createRunsTable("redisops_runs"));
    const holder = await connectAdmin(platform.postgres);
    await holder.query("BEGIN; LOCK TABLE redisops_runs IN ACCESS EXCLUSIVE MODE");
    expect(await saidBy(section(), "postgres")).toEqual([
      expect.stringMatching(/^others cannot see this run: .+statement timeout/),
    ]);
    await holder.end();
    expect(await rows()).toEqual([]);
  });

  it("with a user who may not create the table", async () => {
    await platform.admin.query("CREATE ROLE nobody_yet LOGIN PASSWORD 'none'");
    const own = await secretFile(platform.workspace, "none");
    expect(await saidBy(section({ user: "nobody_yet", password: own }))).toEqual([
      expect.stringMatching(/^others cannot see this run: .+permission denied for schema public/),
    ]);
    await platform.admin.query("DROP ROLE nobody_yet");
  });

  it("with a Postgres that goes away before the end, after which it counts as failed", async () => {
    await execute(
      recoveryOf(async () => {
        await platform.admin.query("ALTER TABLE redisops_runs RENAME TO away");
      }),
    );
    await platform.admin.query("ALTER TABLE away RENAME TO redisops_runs");
    expect(problems).toEqual([
      expect.stringMatching(
        /^the end of this run could not be written down, others see it as failed after 30 s: /,
      ),
    ]);
    await age(31);
    expect(await verdict()).toEqual([0, 1]);
  });
});

describe("redisops recover", { timeout: patience }, () => {
  it("is seen while it rebuilds, dies by kill -9, is failed in status, and clears it with the next run", async () => {
    await platform.filter().add(await platform.send(5_000));
    await platform.closeGate(1);
    const configFile = await platform.configure({ source: { table: "gated" } });
    const words = ["recover", "bloom", "--execute", "--config", configFile];
    const child = platform.start(words);
    await platform.atGate(1);
    expect(await verdict()).toEqual([1, 0]);
    const status = async () =>
      (await platform.start(["status", "--role", "dedup", "--config", configFile]).outcome).stdout;
    expect(await status()).toMatch(/^ {2}.*recover bloom is under way, began .+ ago.*$/m);

    child.kill("SIGKILL");
    await child.outcome;
    await platform.openGate(1);
    await age(31);
    expect(await verdict()).toEqual([0, 1]);
    expect(await rows()).toMatchObject([{ state: "running", ended: false, error_code: null }]);
    const shown = await status();
    expect(shown).toMatch(/^dedup +\S+ +degraded +RecoveryFailed /m);
    expect(shown).toMatch(/recover bloom failed, its last run ended .+ ago/);
    expect(shown).toMatch(/^ {2}RecoveryFailed: /m);

    const { code, stderr } = await platform.start(words).outcome;
    expect(code).toBe(0);
    expect(stderr).not.toContain("warning");
    expect(await verdict()).toEqual([0, 0]);
    expect(await status()).not.toContain("RecoveryFailed");
  });

  it("fills buckets without Postgres, with one line on stderr", async () => {
    const redis = await startRedis(platform.workspace, { name: "buckets" });
    const limits = { limit_per_second: 10, account_sid: "AC1", auth_token: "${TEST_REDIS_PASSWORD}" };
    const configFile = await platform.configure({
      sections: {
        roles: { token_bucket: { topology: "standalone", address: `127.0.0.1:${redis.port}` } },
        providers: { twilio: { kind: "twilio", base_url: "http://127.0.0.1:9", accounts: { main: limits } } },
        postgres: undefined,
      },
    });
    const emptied = ["HSET", "bucket:twilio:main", "tokens", "0", "updated_ms", "9999999999999"];
    const { withRedis } = await import("../../lab/servers/redis-client.ts");
    await withRedis(redis.port, (client) => client.call(emptied[0] ?? "", ...emptied.slice(1)));
    const run = (...more: string[]) =>
      platform.start(["recover", "token-buckets", "--execute", "--config", configFile, ...more]).outcome;
    const plain = await run();
    expect(plain).toMatchObject({ code: 0 });
    expect(plain.stderr).toBe(
      "warning: others cannot see this run, nor its lock: redisops.yaml has no postgres, where both would be\n",
    );
    await withRedis(redis.port, (client) => client.call(emptied[0] ?? "", ...emptied.slice(1)));
    const json = await run("--json");
    expect(JSON.parse(json.stderr)).toMatchObject({ event: "warning" });
    expect(JSON.parse(json.stdout)).toMatchObject({ status: "done" });
  });
});
