import { closeSync, mkdirSync, openSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseConfig } from "../../core/config/load.ts";
import { RedisopsError } from "../../core/errors.ts";
import { executePlan, preparePlan } from "../../recovery/engine.ts";
import type { Recovery, RecoveryContext, Run } from "../../recovery/recovery.ts";
import { earlierRates } from "../../recovery/run/journal.ts";
import { eventsOf, readJournals, wholeRun } from "../fixtures/journal.ts";

let stateDir: string;
let steps: string[];

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "redisops-engine-"));
  steps = [];
});
afterEach(() => rm(stateDir, { recursive: true, force: true }));

const interruption = new RedisopsError("INTERRUPTED", "enough");

function contextWith(signal = new AbortController().signal): RecoveryContext {
  const config = parseConfig(JSON.stringify({ platform: "test", roles: {}, state_dir: stateDir }), "test");
  return {
    config,
    options: {},
    signal,
    onProgress: () => undefined,
    onStepEnd: () => steps.push("end"),
    onWarning: () => undefined,
  };
}

/** A recovery of one hundred items whose execution, and what the verification finds, the test decides. */
function recoveryOf(
  work: (run: Run) => Promise<void>,
  options: { holds?: boolean; refusal?: RedisopsError } = {},
): Recovery {
  return {
    name: "bloom",
    role: "dedup",
    needsPostgres: true,
    pins: async () => [],
    plan: async () => ({
      target: "test",
      facts: [],
      steps: [],
      risks: [],
      hasChanges: true,
      items: 100,
      details: { kept: "in the journal" },
      ...(options.refusal === undefined ? {} : { refusal: options.refusal }),
    }),
    execute: async (_context, _plan, run) => work(run),
    verify: async () => ({ holds: options.holds ?? true, facts: [], figures: { measured: 1 } }),
  };
}

async function execute(recovery: Recovery, context = contextWith()) {
  const { plan } = await preparePlan(recovery, context);
  return executePlan(recovery, context, plan);
}

/** Puts a full device under the open journal's file descriptor. */
function fillJournalDisk(): void {
  const open = readdirSync("/proc/self/fd").map(Number);
  const journal = open.find((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(stateDir);
    } catch {
      return false;
    }
  });
  if (journal === undefined) throw new Error("no journal is open");
  closeSync(journal);
  const others: number[] = [];
  for (let fd = openSync("/dev/full", "w"); fd !== journal; fd = openSync("/dev/full", "w")) others.push(fd);
  for (const fd of others) closeSync(fd);
}

const oneStep = async (run: Run) => run.step("act", async () => void steps.push("act"));
const onlyJournal = () => readJournals(stateDir)[0] ?? [];

describe("the recovery engine", () => {
  it("journals the plan, every step and the verification", async () => {
    const report = await execute(recoveryOf(oneStep));
    expect(report.verification.holds).toBe(true);
    expect(eventsOf(onlyJournal())).toEqual(wholeRun("act"));
    expect(onlyJournal()[0]).toMatchObject({
      run: report.run,
      plan: { details: { kept: "in the journal" } },
    });
    expect(onlyJournal().at(-1)).toMatchObject({ holds: true, figures: { measured: 1 } });
    expect(steps).toEqual(["act", "end", "end"]);
  });

  it("reports a verification that does not hold", async () => {
    const report = await execute(recoveryOf(oneStep, { holds: false }));
    expect(report.verification).toMatchObject({ holds: false, figures: { measured: 1 } });
    expect(eventsOf(onlyJournal())).toEqual(wholeRun("act"));
    expect(onlyJournal().at(-1)).toMatchObject({ holds: false });
  });

  it("journals what stopped a run, and rejects with it", async () => {
    const failure = new RedisopsError("REDIS_TIMEOUT", "too late");
    const failing = recoveryOf(async (run) => run.step("act", () => Promise.reject(failure)));
    await expect(execute(failing)).rejects.toBe(failure);
    expect(eventsOf(onlyJournal())).toEqual(["started", "step_started act", "failed"]);
    expect(onlyJournal().at(-1)).toMatchObject({ code: "REDIS_TIMEOUT", message: "too late" });
    expect(steps).toEqual(["end"]);
  });

  it("does not start a plan that is refused, not even a journal", async () => {
    const refusal = new RedisopsError("MEMORY_SHORT", "no room");
    await expect(execute(recoveryOf(oneStep, { refusal }))).rejects.toBe(refusal);
    expect(() => readJournals(stateDir)).toThrow("ENOENT");
    expect(steps).toEqual([]);
  });

  it("completes what is live although the disk is full, and says that the journal is not whole", async () => {
    const recovery = recoveryOf(async (run) => {
      await run.step("act", async () => fillJournalDisk());
      await run.finish("complete", async () => void steps.push("complete"));
    });
    const { verification } = await execute(recovery);
    expect(steps).toContain("complete");
    expect(verification).toMatchObject({
      holds: true,
      facts: [{ label: "journal", value: expect.stringMatching(/^incomplete: Cannot write .+ENOSPC/) }],
    });
    expect(eventsOf(onlyJournal())).toEqual(["started", "step_started act"]);
  });

  it("begins no further step where the disk is full", async () => {
    const recovery = recoveryOf(async (run) => {
      await run.step("act", async () => fillJournalDisk());
      await run.step("never", async () => void steps.push("never"));
    });
    await expect(execute(recovery)).rejects.toMatchObject({ code: "JOURNAL_UNWRITABLE" });
    expect(steps).not.toContain("never");
  });

  it("starts no step after an interruption, but finishes what must be finished", async () => {
    const controller = new AbortController();
    const recovery = recoveryOf(async (run) => {
      await run.step("act", async () => controller.abort(interruption));
      await run.finish("complete", async () => void steps.push("complete"));
    });
    const report = await execute(recovery, contextWith(controller.signal));
    expect(report.verification.holds).toBe(true);
    expect(eventsOf(onlyJournal())).toEqual(wholeRun("act", "complete"));

    await rm(join(stateDir, "runs"), { recursive: true });
    const next = new AbortController();
    const stopped = recoveryOf(async (run) => {
      await run.step("act", async () => next.abort(interruption));
      await run.step("never", async () => void steps.push("never"));
    });
    await expect(execute(stopped, contextWith(next.signal))).rejects.toBe(interruption);
    expect(eventsOf(onlyJournal())).toEqual(["started", "step_started act", "step_ended act", "failed"]);
    expect(steps).not.toContain("never");
  });

  it("rejects a plan with the interruption, however the plan ended", async () => {
    for (const ending of ["made", "failed"]) {
      const controller = new AbortController();
      const made = recoveryOf(oneStep);
      const recovery: Recovery = {
        ...made,
        plan: async (context) => {
          controller.abort(interruption);
          if (ending === "failed") throw new Error("the connection was closed");
          return made.plan(context);
        },
      };
      await expect(preparePlan(recovery, contextWith(controller.signal))).rejects.toBe(interruption);
    }
  });
});

describe("the expected duration of a plan", () => {
  /** The journal of a run that handled so many items in so many seconds. */
  function past(name: string, content: string): void {
    mkdirSync(join(stateDir, "runs"), { recursive: true });
    writeFileSync(join(stateDir, "runs", name), content);
  }
  const executed = (items: unknown, seconds: unknown) =>
    `${JSON.stringify({ at: "2026-01-01T00:00:00Z", event: "executed", items, seconds })}\n`;
  const duration = async () => (await preparePlan(recoveryOf(oneStep), contextWith())).duration;

  it("is not known without an earlier run", async () => {
    expect(await duration()).toBe("not known: no earlier run on this machine");
  });

  it("is the median of earlier runs of this recovery, and passes over what it cannot read", async () => {
    past("bloom-20260101T000000Z-aaaaaa.jsonl", executed(100, 100));
    past("bloom-20260102T000000Z-bbbbbb.jsonl", executed(100, 10));
    past("bloom-20260103T000000Z-cccccc.jsonl", executed(100, 1));
    past("bloom-garbage.jsonl", "\u0000\u0001 not JSON");
    past("bloom-empty.jsonl", "");
    past("bloom-null.jsonl", "null\n[]\n7\n");
    past("bloom-torn.jsonl", `{"at":"2026-01-01T0`);
    past("bloom-odd-1.jsonl", executed("many", 1));
    past("bloom-odd-2.jsonl", executed(100, 0));
    past("bloom-odd-3.jsonl", executed(0, 10));
    past("bloom-odd-4.jsonl", executed(100, -1));
    past("bloom-odd-5.jsonl", executed(undefined, undefined));
    past("token-buckets-20260101T000000Z-dddddd.jsonl", executed(1e9, 1));
    past("bloom-20260104T000000Z-eeeeee.txt", executed(1e9, 1));
    mkdirSync(join(stateDir, "runs", "bloom-folder.jsonl"));
    expect(await duration()).toBe("about 10 s (3 earlier runs on this machine)");
  });

  it("looks at the newest journals only", async () => {
    for (let day = 1; day <= 25; day += 1) {
      const date = String(day).padStart(2, "0");
      past(`bloom-202601${date}T000000Z-aaaaaa.jsonl`, executed(day, 1));
    }
    const rates = earlierRates(join(stateDir, "runs"), "bloom");
    expect(rates).toEqual(Array.from({ length: 20 }, (_, index) => 25 - index));
  });
});
