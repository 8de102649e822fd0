import { randomInt } from "node:crypto";
import { closeSync, ftruncateSync, openSync, writeFileSync } from "node:fs";
import { modes } from "../../catalog/modes.ts";
import { exitCodes } from "../../core/error-codes.ts";
import { messageOf, RedisopsError } from "../../core/errors.ts";
import { type Drill, drillName, drillsOf } from "../../operations/drills/drill.ts";
import type { DrillResult, DrillRunResult } from "../../operations/drills/drill-result.ts";
import type { DrillsOptions } from "../../operations/drills/run-drills.ts";
import { interruptible } from "../interrupt.ts";
import { note, print, printJson } from "../output.ts";
import { columns } from "../table.ts";

/** The options of `redisops drill run`. */
export interface DrillRunOptions {
  readonly mode: string | undefined;
  readonly all: boolean;
  readonly target: string;
  readonly seed: number | undefined;
  readonly json: boolean;
  readonly report: string | undefined;
  readonly confirm: string | undefined;
}

type Common = Pick<DrillsOptions, "seed" | "signal" | "onEvent" | "onResult">;

/** Throws USAGE unless one mode of the catalog is named, or all are meant. */
function checkAsked({ mode, all }: DrillRunOptions): void {
  const next = "redisops drill list names them.";
  if (all === (mode !== undefined)) {
    throw new RedisopsError("USAGE", "Say one mode, or --all for every drill", { next });
  }
  if (mode !== undefined && !modes.some(({ id }) => id === mode)) {
    throw new RedisopsError("USAGE", `There is no mode ${mode}`, { next });
  }
}

/** The drills that are asked for, of those that there are. Throws USAGE where there is none. */
function askedFor({ mode, all }: DrillRunOptions, drills: readonly Drill[]): readonly Drill[] {
  if (all) return drills;
  const found = drills.filter((drill) => drill.modes.some(({ id }) => id === mode));
  if (found.length > 0) return found;
  throw new RedisopsError("USAGE", `There is no drill for ${mode}`, {
    next: "redisops drill list names them.",
  });
}

/** The seed that is asked for, or a new one. Throws USAGE for what is none. */
function seedOf({ seed }: DrillRunOptions): number {
  if (seed === undefined) return randomInt(1_000_000);
  if (Number.isSafeInteger(seed) && seed >= 0) return seed;
  throw new RedisopsError("USAGE", "--seed takes a whole number from 0");
}

const secondsOf = (value: number | null) => (value === null ? "–" : `${value} s`);

function told(result: DrillResult): string {
  const { detect, recover } = result.seconds;
  const verdict = result.passed ? "passed" : "FAILED";
  return `${result.modes.join(", ")}: ${verdict}; detected after ${secondsOf(detect)}, recovered within ${secondsOf(recover)}`;
}

const seedLine = ({ seed }: Common) => `The same order again: --seed ${seed}`;

/** Runs them where the options say, and answers what came of it. */
async function runOn(options: DrillRunOptions, common: Common): Promise<DrillRunResult> {
  const { drillJournalFolder } = await import("../../operations/drills/journal.ts");
  if (options.target === "lab") {
    const { loadLabDrills } = await import("../lab-module.ts");
    const drills = askedFor(options, drillsOf(modes));
    const { runOnLab } = await loadLabDrills();
    note(seedLine(common));
    return runOnLab({
      ...common,
      drills,
      journalFolder: drillJournalFolder({}),
      say: note,
    });
  }
  const [{ loadConfig }, { openStagingTarget }, { runDrills }] = await Promise.all([
    import("../../core/config/load.ts"),
    import("../../operations/drills/staging/staging-target.ts"),
    import("../../operations/drills/run-drills.ts"),
  ]);
  const config = loadConfig(options.target);
  const target = await openStagingTarget(config, { confirm: options.confirm, onProblem: note });
  const refused = modes.find(({ id }) => id === options.mode);
  const refusal = refused === undefined ? undefined : target.refusal(refused);
  if (refusal !== undefined) throw refusal;
  const drills = askedFor(options, target.drills);
  note(seedLine(common));
  return runDrills(target, { ...common, drills, journalFolder: drillJournalFolder(config) });
}

/** Opens the report's file before anything is broken: hours later is too late to learn that it cannot be written. */
function openReport({ report }: DrillRunOptions): number | undefined {
  if (report === undefined) return undefined;
  try {
    // What an earlier run has written stays there until this one has something to say.
    return openSync(report, "a");
  } catch (error) {
    throw new RedisopsError("USAGE", `Cannot write the report "${report}": ${messageOf(error)}`, {
      next: "Name a file that can be written with --report.",
      cause: error,
    });
  }
}

/** `redisops drill run`. Exits 0 when all passed, 1 when one failed, 130 when it was interrupted. */
export async function runDrillCommand(options: DrillRunOptions): Promise<number> {
  checkAsked(options);
  const seed = seedOf(options);
  const report = openReport(options);
  const interrupt = interruptible((signal) =>
    note(`${signal}: undoing the faults; once more ends it at once, with the faults left as they are.`),
  );
  try {
    const run = await runOn(options, {
      seed,
      signal: interrupt.signal,
      onEvent: (drill, { phase, what }) => note(`${drillName(drill)}  ${phase}: ${what}`),
      onResult: (result) => note(told(result)),
    });
    if (report !== undefined) {
      const { drillReportPage } = await import("../../operations/drills/report/page.ts");
      ftruncateSync(report);
      writeFileSync(report, drillReportPage(run));
      note(`Report: ${options.report}`);
    }
    if (options.json) printJson(run);
    else {
      const { drillSummaryLines, drillTable } = await import("../../operations/drills/report/summary.ts");
      const { head, rows } = drillTable(run);
      for (const line of columns(head, rows)) print(line);
      for (const line of ["", ...drillSummaryLines(run)]) print(line);
    }
    note(`Journal: ${run.journal}`);
    if (run.interrupted) return exitCodes.interrupted;
    return run.passed ? exitCodes.done : exitCodes.failed;
  } finally {
    if (report !== undefined) closeSync(report);
    interrupt.release();
  }
}
