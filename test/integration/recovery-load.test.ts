import { rm } from "node:fs/promises";
import { join } from "node:path";
import type pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { parseConfig } from "../../core/config/load.ts";
import { type GrafanaStandIn, startGrafanaStandIn } from "../../lab/servers/grafana-api-stand-in.ts";
import { waitUntil } from "../../lab/wait.ts";
import { executePlan } from "../../recovery/engine.ts";
import type { Recovery, RecoveryContext, Run } from "../../recovery/recovery.ts";
import { replicationLag } from "../../recovery/run/load-monitor.ts";
import { readJournals } from "../fixtures/journal.ts";
import { connectAdmin, type RecoverPlatform, startRecoverPlatform } from "../fixtures/recover-platform.ts";
import { secretFile } from "./exporter-harness.ts";

let platform: RecoverPlatform;
let grafana: GrafanaStandIn;
let secrets: Readonly<Record<"postgres" | "redis" | "editor" | "viewer", string>>;
let warnings: string[] = [];

beforeAll(async () => {
  platform = await startRecoverPlatform();
  grafana = await startGrafanaStandIn(platform.workspace, { editor: "edits", viewer: "views" });
  secrets = {
    postgres: await secretFile(platform.workspace, platform.postgres.password),
    redis: await secretFile(platform.workspace, platform.env.TEST_REDIS_PASSWORD ?? ""),
    editor: await secretFile(platform.workspace, "edits"),
    viewer: await secretFile(platform.workspace, "views"),
  };
});
afterEach(async () => {
  warnings = [];
  grafana.state.annotations.clear();
  await rm(join(platform.folder, "state"), { recursive: true, force: true });
});
afterAll(async () => {
  await platform?.close();
});

function contextOf(sections: Readonly<Record<string, unknown>>): RecoveryContext<"bloom"> {
  const { roles } = platform.config();
  const dedup = { ...roles.dedup, password: secrets.redis };
  return {
    config: parseConfig(
      JSON.stringify({
        platform: "test",
        roles: { dedup },
        postgres: {
          address: `127.0.0.1:${platform.postgres.port}`,
          database: "postgres",
          user: platform.postgres.user,
          password: secrets.postgres,
        },
        state_dir: join(platform.folder, "state"),
        ...sections,
      }),
      "test",
    ),
    options: {} as never,
    signal: new AbortController().signal,
    onProgress: () => undefined,
    onStepEnd: () => undefined,
    onWarning: (message) => void warnings.push(message),
  };
}

function execute(work: (run: Run) => Promise<void>, sections: Readonly<Record<string, unknown>>) {
  const recovery: Recovery<unknown, "bloom"> = {
    name: "bloom",
    role: "dedup",
    needsPostgres: false,
    plan: async () => ({
      ...{ target: "test", facts: [], steps: [], risks: [], hasChanges: true },
      ...{ items: 1, details: {} },
    }),
    pins: async () => [],
    execute: async (_context, _plan, run) => work(run),
    verify: async () => ({ holds: true, facts: [], figures: {} }),
  };
  const context = contextOf(sections);
  return recovery.plan(context).then((plan) => executePlan(recovery, context, plan));
}

const limits = (changes: object) => ({ recovery: { limits: changes } });
const journal = () => (readJournals(join(platform.folder, "state"))[0] ?? []).map(({ event }) => event);
const said = (text: string) => () => warnings.some((warning) => warning.includes(text));
const soon = { deadlineMs: 60_000 };

/** Asks for room once and again, as a run does, until something is so. */
async function writeUntil(run: Run, condition: () => boolean): Promise<void> {
  for (let writes = 0; !condition(); writes += 1) {
    await run.pace(1);
    if (writes > 1_000_000) throw new Error("it never came about");
  }
}

describe("a run under load", () => {
  /** Takes so many of Postgres's connections. */
  const hold = (count: number): Promise<pg.Client[]> =>
    Promise.all(Array.from({ length: count }, () => connectAdmin(platform.postgres)));

  it("waits while Postgres is short of connections, and goes on by itself", async () => {
    const { rows } = await platform.admin.query<{ used: number; most: number }>(
      "SELECT sum(numbackends)::float8 AS used, current_setting('max_connections')::float8 AS most FROM pg_stat_database",
    );
    const { used = 0, most = 0 } = rows[0] ?? {};
    // A run has some connections of its own.
    const share = { pause: (used + 15) / most, abort: 1 };
    let held: pg.Client[] = [];
    await execute(
      async (run) => {
        await run.pace(1);
        held = await hold(25);
        const freed = waitUntil(said("paused: share of connections in use"), {
          what: "the pause",
          ...soon,
        }).then(() => Promise.all(held.map((client) => client.end())));
        await writeUntil(run, said("goes on after"));
        await freed;
      },
      limits({ postgres_connections: share }),
    );
    expect(journal()).toEqual([
      "started",
      "paused",
      "continued",
      "executed",
      ...["step_started", "step_ended"],
      "verified",
    ]);
  });

  it("waits while Redis hangs for a moment", async () => {
    await execute(
      async (run) => {
        await run.pace(1);
        platform.dedup.pause();
        const thawed = waitUntil(said("paused: latency of dedup Redis"), { what: "the pause", ...soon }).then(
          () => platform.dedup.resume(),
        );
        await writeUntil(run, said("goes on after"));
        await thawed;
      },
      limits({ redis_latency: { pause: "100ms", abort: "1h" } }),
    );
    expect(journal()).toContain("continued");
  });

  it("ends, resumable, when Redis hangs for too long", async () => {
    const running = execute(
      async (run) => {
        await run.pace(1);
        platform.dedup.pause();
        await writeUntil(run, () => false);
      },
      limits({ redis_latency: { pause: "100ms", abort: "500ms" } }),
    );
    await expect(running.finally(() => platform.dedup.resume())).rejects.toMatchObject({
      code: "TARGET_OVERLOADED",
      exitCode: 5,
      message: expect.stringContaining("latency of dedup Redis"),
      resume: expect.stringMatching(/^bloom-/),
    });
  });
});

describe("the replication lag", () => {
  const info = (...replicas: string[]) =>
    [
      "role:master",
      ...replicas.map((text, index) => `slave${index}:ip=::1,port=1,${text}`),
      "master_repl_offset:1000",
    ].join("\r\n");
  it.each([
    [info(), 0],
    [info("state=online,offset=1000,lag=0"), 0],
    [info("state=online,offset=900,lag=0", "state=online,offset=400,lag=1"), 600],
    // One that is still being filled is counted once it follows.
    [info("state=wait_bgsave,offset=0,lag=0", "state=online,offset=990,lag=0"), 10],
  ])("of %j is %d bytes", (text, bytes) => {
    expect(replicationLag(text)).toBe(bytes);
  });
});

describe("Grafana", () => {
  const grafanaSection = (token: string) => ({ grafana: { url: grafana.url, token } });

  it("shows when the run was, and how it ended", async () => {
    const report = await execute(async (run) => run.pace(1), grafanaSection(secrets.editor));
    const [mark] = [...grafana.state.annotations.values()];
    expect(mark).toMatchObject({
      text: `recover bloom, run ${report.run}: succeeded`,
      tags: ["redisops", "recovery", "platform:test", "role:dedup", "recovery:bloom"],
    });
    expect(mark?.timeEnd).toBeGreaterThanOrEqual(mark?.time ?? Number.POSITIVE_INFINITY);
    expect(warnings).toEqual([]);
  });

  it("that refuses the mark does not keep the run from its work", async () => {
    const { verification } = await execute(async (run) => run.pace(1), grafanaSection(secrets.viewer));
    expect(verification.holds).toBe(true);
    expect(warnings).toEqual([expect.stringContaining("the run is not marked in Grafana")]);
    expect(warnings.join()).not.toContain("views");
  });
});
