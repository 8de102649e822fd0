import { performance } from "node:perf_hooks";
import type { RecoveryName } from "../catalog/recoveries.ts";
import { formatDuration } from "../core/duration.ts";
import { toRedisopsError } from "../core/errors.ts";
import { announce } from "../core/recovery-runs/announce.ts";
import { newRunId } from "../core/recovery-runs/run-id.ts";
import { withSpan } from "../core/tracing.ts";
import { memoryChunks } from "./chunks.ts";
import { earlierRates, Journal, journalFolder } from "./journal.ts";
import type { Fact, Plan, Recovery, RecoveryContext, Run, Verification } from "./recovery.ts";

/** A plan with what earlier runs say about its duration. */
export interface PreparedPlan<Details> {
  readonly plan: Plan<Details>;
  /** Sentence on the expected duration. */
  readonly duration: string;
}

/** What came out of an executed recovery. */
export interface RunReport {
  readonly run: string;
  readonly journal: string;
  readonly seconds: number;
  readonly verification: Verification;
}

function expectedDuration(rates: readonly number[], items: number): string {
  if (rates.length === 0) return "not known: no earlier run on this machine";
  const median = [...rates].sort((a, b) => a - b)[Math.floor(rates.length / 2)] ?? 0;
  const runs = rates.length === 1 ? "one earlier run" : `${rates.length} earlier runs`;
  return `about ${formatDuration((items / median) * 1000)} (${runs} on this machine)`;
}

/** Says that the journal ends before the run did. */
function incomplete({ failure }: Journal): Fact[] {
  return failure === undefined ? [] : [{ label: "journal", value: `incomplete: ${failure.message}` }];
}

/** Plans a recovery. Nothing is changed. */
export async function preparePlan<Details, Name extends RecoveryName>(
  recovery: Recovery<Details, Name>,
  context: RecoveryContext<Name>,
): Promise<PreparedPlan<Details>> {
  const plan = await withSpan(`recovery ${recovery.name} plan`, {}, async () => {
    const made = await recovery.plan(context).catch((error: unknown) => {
      context.signal.throwIfAborted();
      throw error;
    });
    context.signal.throwIfAborted();
    return made;
  });
  const rates = earlierRates(journalFolder(context.config), recovery.name);
  return { plan, duration: expectedDuration(rates, plan.items) };
}

/**
 * Carries out a plan and verifies it. Every step is in the journal before it starts, or does not start; only what
 * completes the work that is live already goes on without a journal. Rejects with what stopped it; the journal then
 * says so too. A verification that does not hold is part of the report. While it runs, and how it ended, is also in the
 * table of runs, where Postgres takes it.
 */
export async function executePlan<Details, Name extends RecoveryName>(
  recovery: Recovery<Details, Name>,
  { onProgress, ...given }: RecoveryContext<Name>,
  plan: Plan<Details>,
): Promise<RunReport> {
  if (plan.refusal !== undefined) throw plan.refusal;
  const id = newRunId(recovery.name);
  const journal = new Journal(journalFolder(given.config), id);
  const visible = await announce(
    given.config.postgres,
    { kind: "recovery", name: recovery.name, role: recovery.role, run: id },
    given.onWarning,
  );
  const context: RecoveryContext<Name> = {
    ...given,
    onProgress: (progress) => {
      visible.progress(progress.done, progress.total);
      onProgress(progress);
    },
  };
  const carryOut: Run["finish"] = async (name, work) => {
    const started = performance.now();
    const result = await withSpan(`recovery ${recovery.name} ${name}`, { "redisops.run": id }, work).finally(
      context.onStepEnd,
    );
    journal.note({ event: "step_ended", step: name, seconds: (performance.now() - started) / 1000 });
    return result;
  };
  const step: Run["step"] = async (name, work) => {
    context.signal.throwIfAborted();
    journal.append({ event: "step_started", step: name });
    return carryOut(name, work);
  };
  const finish: Run["finish"] = async (name, work) => {
    journal.note({ event: "step_started", step: name });
    return carryOut(name, work);
  };
  const saved = new Map<string, unknown>();
  const run: Run = {
    id,
    step,
    finish,
    pace: async () => given.signal.throwIfAborted(),
    checkpoint: <T>(name: string) => saved.get(name) as T | undefined,
    saveCheckpoint: async (name, value) => void saved.set(name, value),
    chunks: memoryChunks(),
  };
  try {
    const report = await withSpan(`recovery ${recovery.name}`, { "redisops.run": id }, async () => {
      journal.append({ event: "started", run: id, recovery: recovery.name, plan: plan.details });
      const started = performance.now();
      await recovery.execute(context, plan, run);
      const seconds = (performance.now() - started) / 1000;
      journal.note({ event: "executed", items: plan.items, seconds });
      const found = await finish("verify", () => recovery.verify(context, plan));
      journal.note({ event: "verified", holds: found.holds, figures: found.figures });
      const verification = { ...found, facts: [...found.facts, ...incomplete(journal)] };
      return { run: id, journal: journal.path, seconds, verification };
    });
    await (report.verification.holds
      ? visible.end("succeeded")
      : visible.end("failed", "VERIFICATION_FAILED"));
    return report;
  } catch (error) {
    const { code, message } = toRedisopsError(error);
    // What stopped the run matters more than that the disk is full as well.
    journal.note({ event: "failed", code, message });
    await visible.end(code === "INTERRUPTED" ? "interrupted" : "failed", code);
    throw error;
  } finally {
    journal.close();
  }
}
