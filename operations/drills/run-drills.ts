import { AlertWatch } from "./alert-watch.ts";
import type { DrillHooks } from "./context.ts";
import { type Drill, drillName } from "./drill.ts";
import type { DrillEvent, DrillResult, DrillRunResult } from "./drill-result.ts";
import { DrillJournal } from "./journal.ts";
import { runDrill } from "./run-drill.ts";
import { inLanes, inSeededOrder } from "./schedule.ts";
import type { DrillTarget } from "./target.ts";

/** How to run drills. */
export interface DrillsOptions {
  readonly drills: readonly Drill[];
  readonly seed: number;
  /** The folder in which the run's journal is written. */
  readonly journalFolder: string;
  readonly signal?: AbortSignal | undefined;
  readonly hooks?: DrillHooks | undefined;
  readonly onEvent?: ((drill: Drill, event: DrillEvent) => void) | undefined;
  /** Told of each drill when it has ended. */
  readonly onResult?: ((result: DrillResult) => void) | undefined;
}

/**
 * Runs drills on a target, in the order that follows from the seed, each once. When the signal is aborted those under way undo
 * what they did, and no other begins.
 *
 * @throws RedisopsError JOURNAL_UNWRITABLE before anything is done; what `faultsOf` throws is a problem of its drill.
 */
export async function runDrills(target: DrillTarget, options: DrillsOptions): Promise<DrillRunResult> {
  const { seed, signal, hooks, onEvent } = options;
  const aborted = () => signal?.aborted === true;
  const startedAt = new Date();
  const drills = inSeededOrder(options.drills, seed);
  const journal = new DrillJournal(options.journalFolder, startedAt);
  const watch = new AlertWatch(target.prometheus, target.alertmanager);
  const results: DrillResult[] = [];
  try {
    journal.append({ event: "run", target: target.name, seed, drills: drills.map(drillName) });
    const context = {
      target,
      seed,
      watch,
      journal,
      versions: await target.versions(),
      signal,
      hooks,
      onEvent,
    };
    await inLanes(
      drills,
      (drill) => target.laneOf(drill),
      async (drill) => {
        if (aborted()) return;
        const announced = await target.announce?.(drill);
        const result = await runDrill(context, drill);
        await announced?.(aborted() ? "interrupted" : result.passed ? "succeeded" : "failed");
        results.push(result);
        options.onResult?.(result);
      },
    );
    const interrupted = aborted();
    const passed = !interrupted && results.every((result) => result.passed);
    journal.note({ event: "run_ended", passed });
    return {
      target: target.name,
      seed,
      startedAt: startedAt.toISOString(),
      totalSeconds: Math.round((Date.now() - startedAt.getTime()) / 100) / 10,
      journal: journal.path,
      passed,
      interrupted,
      drills: results,
    };
  } finally {
    watch.close();
    journal.close();
  }
}
