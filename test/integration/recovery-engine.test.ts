import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parseConfig } from "../../core/config/load.ts";
import { RedisopsError } from "../../core/errors.ts";
import { createRunTables, runTables } from "../../core/recovery-runs/run-tables.ts";
import { createRunsTable } from "../../core/recovery-runs/table.ts";
import { waitUntil } from "../../lab/wait.ts";
import { executePlan, preparePlan, type RunSettings, resumeRun } from "../../recovery/engine.ts";
import { joinRun } from "../../recovery/join.ts";
import type { Chunk, Pin, Recovery, RecoveryContext, Run } from "../../recovery/recovery.ts";
import { askRate, findJournal, listRuns } from "../../recovery/run/find-runs.ts";
import { readRun } from "../../recovery/run/run-state.ts";
import { readPlan, savePlan } from "../../recovery/saved-plan.ts";
import { carryOutTogether } from "../../recovery/together.ts";
import { type RecoverPlatform, startRecoverPlatform } from "../fixtures/recover-platform.ts";
import { secretFile } from "./exporter-harness.ts";

let platform: RecoverPlatform;
let password: string;
let stateDir: string;
let otherState: string;
let warnings: string[];
/** What the recovery under test says that it rests on. */
let pins: Pin[];

const targetPin = (value: string): Pin => ({ of: "target", label: "run id", value });
const position = (value: number): Pin => ({ of: "source", label: "position", value });

beforeAll(async () => {
  platform = await startRecoverPlatform();
  password = await secretFile(platform.workspace, platform.postgres.password);
  await platform.admin.query(createRunsTable("redisops_runs"));
  await createRunTables(platform.admin, runTables({ tables: {} }));
});
beforeEach(async () => {
  warnings = [];
  pins = [targetPin("first"), position(10)];
  stateDir = await mkdtemp(join(tmpdir(), "redisops-engine-"));
  otherState = await mkdtemp(join(tmpdir(), "redisops-engine-"));
  await platform.admin.query(
    "TRUNCATE redisops_runs, redisops_runs_locks, redisops_runs_journal, redisops_runs_chunks",
  );
  return async () => {
    await rm(stateDir, { recursive: true, force: true });
    await rm(otherState, { recursive: true, force: true });
  };
});
afterAll(() => platform?.close());

function contextOf(
  options: { signal?: AbortSignal; state?: string; postgres?: false } = {},
): RecoveryContext<"bloom"> {
  const config = parseConfig(
    JSON.stringify({
      platform: "test",
      roles: {},
      state_dir: options.state ?? stateDir,
      ...(options.postgres === false
        ? {}
        : {
            postgres: {
              address: `127.0.0.1:${platform.postgres.port}`,
              database: "postgres",
              user: platform.postgres.user,
              password,
            },
          }),
    }),
    "test",
  );
  return {
    config,
    options: {} as never,
    signal: options.signal ?? new AbortController().signal,
    onProgress: () => undefined,
    onStepEnd: () => undefined,
    onWarning: (message) => void warnings.push(message),
  };
}

type Work = (run: Run, context: RecoveryContext<"bloom">) => Promise<void>;

/** A recovery whose work the test decides. */
function recoveryOf(work: Work, more: Partial<Recovery<unknown, "bloom">> = {}): Recovery<unknown, "bloom"> {
  return {
    name: "bloom",
    role: "dedup",
    needsPostgres: false,
    plan: async () => ({
      ...{ target: "test", facts: [], steps: [], risks: [], hasChanges: true },
      ...{ items: 100, details: { kept: true } },
    }),
    pins: async () => pins,
    execute: async (context, _plan, run) => work(run, context),
    verify: async () => ({ holds: true, facts: [], figures: {} }),
    ...more,
  };
}

async function execute(work: Work, context = contextOf(), settings: RunSettings = {}) {
  const recovery = recoveryOf(work);
  const prepared = await preparePlan(recovery, context);
  return executePlan(recovery, context, prepared.plan, settings, prepared.pins);
}

/** The run that is under way, or was the latest one. */
async function latestRun(state = stateDir): Promise<string> {
  const [name = ""] = await readdir(join(state, "runs"));
  return name.replace(".jsonl", "");
}

async function resume(work: Work, context = contextOf(), settings: RunSettings = {}) {
  const run = await latestRun();
  const entries = await findJournal(context.config, run, context.onWarning);
  return resumeRun(recoveryOf(work), context, run, entries, settings);
}

/** Work that goes on until it is let go, and what tells that it has begun. */
function held(): { work: Work; begun: Promise<void>; letGo: () => void } {
  const begun = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const work: Work = async (run) => {
    await run.pace(1);
    begun.resolve();
    await gate.promise;
    await run.pace(1);
  };
  return { work, begun: begun.promise, letGo: gate.resolve };
}

const failure = new RedisopsError("REDIS_TIMEOUT", "too late");
/** Makes every lock look as if its process had died. */
const ageLocks = () =>
  platform.admin.query("UPDATE redisops_runs_locks SET heartbeat_at = heartbeat_at - interval '11 s'");

describe("processes of a group", () => {
  it("begin no second run when the first one ends while they plan", async () => {
    let executed = 0;
    const recovery = recoveryOf(async () => {
      executed += 1;
    });
    const late: typeof recovery = {
      ...recovery,
      plan: async (context) => {
        await carryOutTogether(recovery, contextOf(), "job", {});
        return recovery.plan(context);
      },
    };
    const outcome = await carryOutTogether(late, contextOf({ state: otherState }), "job", {});
    expect({ did: outcome.did, executed }).toEqual({ did: "helped", executed: 1 });
  });

  it("have their run by recovery and name: another group has its own", async () => {
    const recovery = recoveryOf(async () => undefined);
    const first = await carryOutTogether(recovery, contextOf(), "one", {});
    const second = await carryOutTogether(recovery, contextOf(), "two", {});
    expect([first.did, second.did]).toEqual(["carried out", "carried out"]);
  });

  it("do not repeat a run whose verification does not hold", async () => {
    const verify = async () => ({ holds: false, facts: [], figures: {} });
    const recovery = recoveryOf(async () => undefined, { verify });
    const outcome = await carryOutTogether(recovery, contextOf(), "job", {});
    expect(outcome).toMatchObject({ report: { verification: { holds: false } } });
    await expect(carryOutTogether(recovery, contextOf(), "job", {})).rejects.toMatchObject({
      code: "VERIFICATION_FAILED",
    });
  });
});

describe("the lock of a role", () => {
  it.each(["postgres", "file"] as const)("lets one run in at a time, in %s", async (lock) => {
    const first = held();
    const running = execute(first.work, contextOf(), { lock });
    await first.begun;
    const run = await latestRun();
    await expect(execute(async () => undefined, contextOf(), { lock })).rejects.toMatchObject({
      code: "LOCK_HELD",
      exitCode: 6,
      message: expect.stringContaining(run),
    });
    first.letGo();
    await running;
    await execute(async () => undefined, contextOf(), { lock });
  });

  it("goes to one of many that want it at once", async () => {
    const first = held();
    const results = Promise.allSettled(Array.from({ length: 8 }, () => execute(first.work)));
    await first.begun;
    first.letGo();
    const won = (await results).filter(({ status }) => status === "fulfilled");
    // One after the other may have had it, but none beside another: see the next test for that.
    expect(won.length).toBeGreaterThan(0);
    const { rows } = await platform.admin.query<{ token: string }>(
      "SELECT token::text FROM redisops_runs_locks",
    );
    expect(Number(rows[0]?.token)).toBe(won.length);
  });

  it("is free a lease after a process died, and fences off that process should it live on", async () => {
    const first = held();
    const running = execute(first.work);
    running.catch(() => undefined);
    await first.begun;
    await ageLocks();
    const second = held();
    const taking = execute(second.work, contextOf({ state: otherState }));
    await second.begun;
    first.letGo();
    await expect(running).rejects.toMatchObject({ code: "FENCED_OFF", exitCode: 3, resume: undefined });
    second.letGo();
    await taking;
  });

  it("fences off in a file as well", async () => {
    const first = held();
    const running = execute(first.work, contextOf(), { lock: "file" });
    running.catch(() => undefined);
    await first.begun;
    // As another process leaves it that has taken the role over.
    const { writeFile } = await import("node:fs/promises");
    await writeFile(
      join(stateDir, "locks", "dedup.json"),
      JSON.stringify({ token: 99, run: "x", host: "y" }),
    );
    first.letGo();
    await expect(running).rejects.toMatchObject({ code: "FENCED_OFF" });
  });

  it("may be a file where redisops.yaml has no Postgres, and says what that risks where it has one", async () => {
    await execute(async () => undefined, contextOf({ postgres: false }));
    expect(warnings.join("\n")).toContain("nor its lock");
    warnings = [];
    await execute(async () => undefined, contextOf(), { lock: "file" });
    expect(warnings.join("\n")).toContain("the lock is a file on this machine");
  });
});

describe("a run that stopped half-way", () => {
  const failing: Work = async (run) => {
    await run.pace(1);
    await run.saveCheckpoint("place", { done: 7 });
    throw failure;
  };

  it("says how to resume it, with an exit code of its own, and goes on where it was", async () => {
    await expect(execute(failing)).rejects.toMatchObject({
      code: "REDIS_TIMEOUT",
      exitCode: 5,
      resume: await expect.stringMatching(/^bloom-/),
    });
    const seen: unknown[] = [];
    const report = await resume(async (run) => void seen.push(run.checkpoint("place")));
    expect(seen).toEqual([{ done: 7 }]);
    expect(report.verification.holds).toBe(true);
    expect(warnings).toEqual([]);
  });

  it("is resumable on another machine by what Postgres has of it", async () => {
    await execute(failing).catch(() => undefined);
    const run = await latestRun();
    const elsewhere = contextOf({ state: otherState });
    const entries = await findJournal(elsewhere.config, run, elsewhere.onWarning);
    const seen: unknown[] = [];
    const recovery = recoveryOf(async (again) => void seen.push(again.checkpoint("place")));
    await resumeRun(recovery, elsewhere, run, entries);
    expect(seen).toEqual([{ done: 7 }]);
    expect(await readdir(join(otherState, "runs"))).toEqual([`${run}.jsonl`]);
    // And so the first machine knows that it is finished.
    const now = await findJournal(contextOf().config, run, () => undefined);
    expect(readRun(run, now)).toMatchObject({ state: "succeeded", resumed: 1 });
  });

  it("begins anew when its target has become another one", async () => {
    await execute(failing).catch(() => undefined);
    pins = [targetPin("second"), position(12)];
    const seen: unknown[] = [];
    await resume(async (run) => void seen.push(run.checkpoint("place")));
    expect(seen).toEqual([undefined]);
    expect(warnings.join()).toContain("begins anew");
  });

  it("is stale when its source has gone back", async () => {
    await execute(failing).catch(() => undefined);
    pins = [targetPin("first"), position(9)];
    await expect(resume(async () => undefined)).rejects.toMatchObject({ code: "PLAN_STALE", exitCode: 3 });
  });

  it("is not resumed while it is under way, nor once it has succeeded", async () => {
    const first = held();
    const running = execute(first.work);
    await first.begun;
    await expect(resume(async () => undefined)).rejects.toMatchObject({ code: "LOCK_HELD" });
    first.letGo();
    await running;
    await expect(resume(async () => undefined)).rejects.toMatchObject({ code: "RUN_FINISHED", exitCode: 64 });
  });

  it("stays failed for others until a resumption has succeeded", async () => {
    await execute(failing).catch(() => undefined);
    const first = held();
    const running = resume(first.work);
    await first.begun;
    const states = async () =>
      (await platform.admin.query("SELECT state FROM redisops_runs ORDER BY started_at")).rows.map(
        (row: { state: string }) => row.state,
      );
    expect(await states()).toEqual(["failed", "running"]);
    first.letGo();
    await running;
    expect(await states()).toEqual(["failed", "succeeded"]);
  });

  it("that had written nothing yet says nothing of resuming", async () => {
    await expect(execute(() => Promise.reject(failure))).rejects.toMatchObject({
      exitCode: 1,
      resume: undefined,
    });
  });

  it("stops at a safe point when it is interrupted, and can be resumed", async () => {
    const controller = new AbortController();
    const stopping: Work = async (run) => {
      await run.pace(1);
      controller.abort(new RedisopsError("INTERRUPTED", "enough"));
      await run.pace(1);
    };
    await expect(execute(stopping, contextOf({ signal: controller.signal }))).rejects.toMatchObject({
      code: "INTERRUPTED",
      exitCode: 130,
      next: expect.stringContaining("redisops recover resume bloom-"),
    });
    await resume(async () => undefined);
  });
});

describe("a target that becomes another one during a run", () => {
  it("fails the run, although all went well, and it can be resumed", async () => {
    const work: Work = async (run) => {
      await run.pace(1);
      pins = [targetPin("second"), position(10)];
    };
    await expect(execute(work)).rejects.toMatchObject({ code: "TARGET_CHANGED", exitCode: 5 });
    await resume(async () => undefined);
  });
});

describe("a saved plan", () => {
  it("is carried out as it was made, and refused once its target or source is another one", async () => {
    const path = join(stateDir, "plan.json");
    const context = contextOf();
    const recovery = recoveryOf(async () => undefined);
    const prepared = await preparePlan(recovery, context);
    savePlan(path, context.config, { recovery: "bloom", options: { since: 1 }, ...prepared });
    const saved = readPlan(path, context.config);
    expect(saved).toMatchObject({
      recovery: "bloom",
      options: { since: 1 },
      pins,
      plan: { details: { kept: true } },
    });
    await executePlan(recovery, context, saved.plan, {}, saved.pins);
    pins = [targetPin("second"), position(11)];
    await expect(executePlan(recovery, context, saved.plan, {}, saved.pins)).rejects.toMatchObject({
      code: "PLAN_STALE",
      message: "The plan is stale: run id is another one",
    });
    expect(() => readPlan(path, { ...context.config, platform: "other" })).toThrow(
      "a plan for the platform test",
    );
  });

  it.each(["", "null", "[]", "{}", '{"redisops_plan":2}', "\u0000", '{"redisops_plan":1,"platform":"test"}'])(
    "is refused for what it is: %j",
    async (text) => {
      const path = join(stateDir, "plan.json");
      const { writeFile } = await import("node:fs/promises");
      await writeFile(path, text);
      expect(() => readPlan(path, contextOf().config)).toThrow(RedisopsError);
    },
  );

  it("asks for a confirmation that names platform and role where it is severe", async () => {
    const recovery = recoveryOf(async () => undefined);
    const plan = { ...(await recovery.plan(contextOf())), severe: "it forgets what it knew" };
    await expect(
      executePlan(recovery, contextOf(), plan, { confirm: "test/registry" }),
    ).rejects.toMatchObject({
      code: "NOT_CONFIRMED",
      exitCode: 4,
      next: expect.stringContaining("--confirm=test/dedup"),
    });
    await executePlan(recovery, contextOf(), plan, { confirm: "test/dedup" });
  });
});

describe("the parts of a run", () => {
  /** Takes parts until none is left, telling what it took. */
  const takeAll = (taken: string[]): Work => {
    return async (run) => {
      for (;;) {
        const chunk = await run.chunks.claim();
        if (chunk === undefined) return;
        taken.push(chunk.id);
        await chunk.done();
      }
    };
  };

  it.each(["postgres", "file"] as const)(
    "that are finished stay so when it is resumed, in %s",
    async (lock) => {
      const first: Work = async (run) => {
        await run.pace(1);
        await run.chunks.layDown(["a", "b", "c"]);
        await (await run.chunks.claim())?.done();
        await (await run.chunks.claim())?.checkpoint({ at: 5 });
        throw failure;
      };
      await execute(first, contextOf(), { lock }).catch(() => undefined);
      const found: unknown[] = [];
      await resume(async (run) => {
        await run.chunks.layDown(["a", "b", "c"]);
        for (let chunk = await run.chunks.claim(); chunk !== undefined; chunk = await run.chunks.claim()) {
          found.push([chunk.id, chunk.position]);
        }
        expect(await run.chunks.remaining()).toBe(2);
      });
      expect(found).toEqual([
        ["b", { at: 5 }],
        ["c", undefined],
      ]);
    },
  );

  it("are shared with a process that joins it, each with one of them", async () => {
    const first = held();
    const mine: string[] = [];
    const helped: string[] = [];
    const running = execute(async (run, context) => {
      await run.chunks.layDown(Array.from({ length: 20 }, (_, index) => `part ${index}`));
      await (await run.chunks.claim())?.done();
      await first.work(run, context);
      await takeAll(mine)(run, context);
    });
    await first.begun;
    const run = await latestRun();
    const context = contextOf({ state: otherState });
    const recovery = recoveryOf(async () => undefined, {
      work: async (own, _plan, joined) => takeAll(helped)(joined, own),
    });
    const journalled = readRun(run, await findJournal(context.config, run, () => undefined));
    await joinRun(recovery, context, journalled);
    first.letGo();
    await running;
    expect(helped).toHaveLength(19);
    expect(mine).toEqual([]);
    await expect(joinRun(recovery, context, journalled)).rejects.toMatchObject({ code: "RUN_FINISHED" });
  });

  it("of a process that died are free again, and it cannot write them any more", async () => {
    await execute(async (run) => {
      await run.chunks.layDown(["a"]);
      const lost: Chunk<unknown> | undefined = await run.chunks.claim();
      expect(await run.chunks.claim()).toBeUndefined();
      await platform.admin.query(
        "UPDATE redisops_runs_chunks SET heartbeat_at = heartbeat_at - interval '1 h', owner = gen_random_uuid()",
      );
      expect((await run.chunks.claim())?.id).toBe("a");
      await platform.admin.query("UPDATE redisops_runs_chunks SET owner = gen_random_uuid()");
      await expect(lost?.checkpoint({})).rejects.toMatchObject({ code: "FENCED_OFF" });
      await expect(lost?.done()).rejects.toMatchObject({ code: "FENCED_OFF" });
    });
  });
});

describe("the pace of a run", () => {
  it("is never above its rate", async () => {
    const began = performance.now();
    await execute(
      async (run) => {
        for (let batch = 0; batch < 5; batch += 1) await run.pace(100);
      },
      contextOf(),
      { maxRate: 1_000 },
    );
    // The first batch goes at once, the others when the rate allows it.
    expect(performance.now() - began).toBeGreaterThanOrEqual(400);
  });

  it.each(["postgres", "file"] as const)("can be changed while it is under way, in %s", async (lock) => {
    const run = Promise.withResolvers<string>();
    const running = execute(
      async (own) => {
        await own.pace(1_000_000);
        run.resolve(own.id);
        // At the rate it began with this would take eleven days.
        await own.pace(1);
      },
      contextOf(),
      { maxRate: 1, lock },
    );
    const { config } = contextOf();
    await askRate(config, await run.promise, 1e9);
    await running;
    await expect(askRate(config, await run.promise, 5)).rejects.toMatchObject({ code: "RUN_FINISHED" });
  });
});

describe("the list of runs", () => {
  it("has those of this machine and of others, newest first, and tells which live", async () => {
    await execute(async () => undefined);
    await execute(async (run) => {
      await run.pace(1);
      throw failure;
    }).catch(() => undefined);
    const first = held();
    const running = execute(first.work);
    await first.begun;
    const states = async (state: string) =>
      (await listRuns(contextOf({ state }).config, (message) => void warnings.push(message))).map(
        (run) => `${run.state} ${run.code ?? ""}`,
      );
    const expected = ["running ", "failed REDIS_TIMEOUT", "succeeded "];
    await waitUntil(async () => (await states(otherState)).length === 3, {
      what: "the rows of the journals",
      deadlineMs: 60_000,
    });
    expect((await states(stateDir)).sort()).toEqual([...expected].sort());
    expect((await states(otherState)).sort()).toEqual([...expected].sort());
    await ageLocks();
    expect(await states(otherState)).toContain("died ");
    first.letGo();
    await running.catch(() => undefined);
  });
});
