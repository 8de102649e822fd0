import { hostname } from "node:os";
import { performance } from "node:perf_hooks";
import type { RecoveryName } from "../catalog/recoveries.ts";
import { formatDuration } from "../core/duration.ts";
import { RedisopsError, toRedisopsError } from "../core/errors.ts";
import { newRunId } from "../core/recovery-runs/run-id.ts";
import { withSpan } from "../core/tracing.ts";
import { acquireFileLock } from "./lock/file-lock.ts";
import { acquirePostgresLock } from "./lock/postgres-lock.ts";
import type { RoleLock } from "./lock/role-lock.ts";
import { changedPins } from "./pins.ts";
import type { Fact, Pin, Plan, Recovery, RecoveryContext, Verification } from "./recovery.ts";
import { earlierRates, Journal, type JournalEntry, journalFolder, stateFolder } from "./run/journal.ts";
import { JournalRows } from "./run/journal-rows.ts";
import { RunSession } from "./run/run-session.ts";
import { readRun } from "./run/run-state.ts";

/** A plan with what it rests on, and what earlier runs say about its duration. */
export interface PreparedPlan<Details> {
  readonly plan: Plan<Details>;
  readonly pins: readonly Pin[];
  /** Sentence on the expected duration. */
  readonly duration: string;
}

/** How a run is carried out. */
export interface RunSettings {
  /** Where the role's lock is; in Postgres where redisops.yaml has one. */
  readonly lock?: "postgres" | "file" | undefined;
  /** Items per second at most; `recovery.max_rate` when left out. */
  readonly maxRate?: number | undefined;
  /** `<platform>/<role>`, which a severe action asks for. */
  readonly confirm?: string | undefined;
  /** What the processes that share a new run know it by; see recovery/together.ts. */
  readonly group?: string | undefined;
  /** Asked once the role's lock is held, before anything is written: rejects where the run must not begin. */
  readonly underLock?: (() => Promise<void>) | undefined;
}

/** What came out of an executed recovery. */
export interface RunReport {
  readonly run: string;
  readonly journal: string;
  readonly seconds: number;
  readonly verification: Verification;
}

function expectedDuration(rates: readonly number[], items: number, drilled: string | undefined): string {
  if (rates.length === 0) {
    const none = "not known: no earlier run on this machine";
    return drilled === undefined ? none : `${none}; ${drilled}`;
  }
  const median = [...rates].sort((a, b) => a - b)[Math.floor(rates.length / 2)] ?? 0;
  const runs = rates.length === 1 ? "one earlier run" : `${rates.length} earlier runs`;
  return `about ${formatDuration((items / median) * 1000)} (${runs} on this machine)`;
}

/** Says that the journal ends before the run did. */
function incomplete({ failure }: Journal): Fact[] {
  return failure === undefined ? [] : [{ label: "journal", value: `incomplete: ${failure.message}` }];
}

/**
 * Plans a recovery. Nothing is changed.
 *
 * @param drilled what a drill says about the duration; shown where this machine knows nothing better
 */
export async function preparePlan<Details, Name extends RecoveryName>(
  recovery: Recovery<Details, Name>,
  context: RecoveryContext<Name>,
  drilled?: string,
): Promise<PreparedPlan<Details>> {
  const { plan, pins } = await withSpan(`recovery ${recovery.name} plan`, {}, async () => {
    const make = async () => {
      // What changes while the plan is made counts as changed since.
      const pins = await recovery.pins(context);
      return { pins, plan: await recovery.plan(context) };
    };
    const made = await make().catch((error: unknown) => {
      context.signal.throwIfAborted();
      throw error;
    });
    context.signal.throwIfAborted();
    return made;
  });
  const rates = earlierRates(journalFolder(context.config), recovery.name);
  return { plan, pins, duration: expectedDuration(rates, plan.items, drilled) };
}

/** What a plan that is not pinned, or no longer right, is refused with. */
function requireFresh(then: readonly Pin[], now: readonly Pin[], what: string): void {
  const changed = changedPins(then, now);
  if (changed.length === 0) return;
  const words = changed.map(({ pin, now: found }) =>
    found === undefined
      ? `${pin.label} is not found any more`
      : typeof pin.value === "number"
        ? `${pin.label} has gone back from ${pin.value} to ${found}`
        : `${pin.label} is another one`,
  );
  throw new RedisopsError("PLAN_STALE", `${what} is stale: ${words.join("; ")}`);
}

/** Takes the role's lock as the settings say. */
async function acquireLock<Details, Name extends RecoveryName>(
  recovery: Recovery<Details, Name>,
  { config, onWarning }: RecoveryContext<Name>,
  run: string,
  { lock }: RunSettings,
): Promise<RoleLock> {
  const { postgres } = config;
  if (postgres !== undefined && lock !== "file") {
    return acquirePostgresLock(postgres, recovery.role, run).catch((error: unknown) => {
      const known = toRedisopsError(error);
      const away = known.code === "LOCK_UNAVAILABLE" || known.code.startsWith("POSTGRES_");
      if (recovery.needsPostgres || !away) throw known;
      throw new RedisopsError(known.code, known.message, {
        target: known.target,
        next: `${known.next} This recovery itself does not need Postgres: --lock=file carries it out all the same; make sure first that nobody does so on another machine.`,
        cause: known,
      });
    });
  }
  if (lock === "postgres") {
    throw new RedisopsError(
      "CONFIG_INCOMPLETE",
      "redisops.yaml has no postgres: there is no place for the lock",
    );
  }
  if (postgres !== undefined) {
    onWarning(
      `the lock is a file on this machine: a recovery of the role ${recovery.role} that somebody starts on another machine would work at the same time`,
    );
  }
  return acquireFileLock(stateFolder(config), recovery.role, run);
}

function requireConfirmed(
  { platform, role }: { platform: string; role: string },
  plan: Plan,
  confirm?: string,
) {
  const expected = `${platform}/${role}`;
  if (plan.severe === undefined || confirm === expected) return;
  const given = confirm === undefined ? "" : `, and “${confirm}” does not name it`;
  throw new RedisopsError("NOT_CONFIRMED", `Not carried out without a confirmation: ${plan.severe}${given}`, {
    next: `Read the plan’s risks; then add --confirm=${expected}.`,
  });
}

/**
 * Carries out a plan and verifies it. Every step is in the journal before it starts, or does not start; only what
 * completes the work that is live already goes on without a journal. Rejects with what stopped it, which names the run
 * where it can be resumed; the journal then says so too. A verification that does not hold is part of the report. While
 * it runs, and how it ended, is also in Postgres, where that takes it.
 *
 * @param pins what the plan was made from; the present state when left out
 */
export async function executePlan<Details, Name extends RecoveryName>(
  recovery: Recovery<Details, Name>,
  context: RecoveryContext<Name>,
  plan: Plan<Details>,
  settings: RunSettings = {},
  pins?: readonly Pin[],
): Promise<RunReport> {
  if (plan.refusal !== undefined) throw plan.refusal;
  const { config } = context;
  requireConfirmed({ platform: config.platform, role: recovery.role }, plan, settings.confirm);
  const id = newRunId(recovery.name);
  const lock = await acquireLock(recovery, context, id, settings);
  try {
    await settings.underLock?.();
    const now = await recovery.pins(context);
    if (pins !== undefined) requireFresh(pins, now, "The plan");
    const maxRate = settings.maxRate ?? config.recovery.max_rate;
    return await attempt(recovery, context, plan, {
      id,
      lock,
      pins: now,
      maxRate,
      earlier: [],
      checkpoints: new Map(),
      anew: false,
      first: {
        event: "started",
        run: id,
        recovery: recovery.name,
        host: hostname(),
        lock: lock.kind,
        token: lock.token,
        plan,
        options: context.options,
        pins: now,
        ...(maxRate === undefined ? {} : { maxRate }),
        ...(settings.group === undefined ? {} : { group: settings.group }),
      },
    });
  } finally {
    await lock.release();
  }
}

/**
 * Goes on with a run that failed, was interrupted or died, by its journal. What it had written down counts, unless its
 * target has become another one since: then it begins anew. Rejects with RUN_FINISHED, LOCK_HELD while it is under way,
 * PLAN_STALE where its source is another one, and as {@link executePlan} does.
 */
export async function resumeRun<Name extends RecoveryName>(
  recovery: Recovery<unknown, Name>,
  context: RecoveryContext<Name>,
  run: string,
  entries: readonly JournalEntry[],
  settings: RunSettings = {},
): Promise<RunReport> {
  const { started, state, checkpoints, pins } = readRun(run, entries);
  if (state === "succeeded") throw new RedisopsError("RUN_FINISHED", `Run ${run} is finished: it succeeded`);
  const lock = await acquireLock(recovery, context, run, { lock: started.lock, ...settings });
  try {
    await settings.underLock?.();
    const now = await recovery.pins(context);
    const sources = pins.filter(({ of }) => of === "source");
    requireFresh(sources, now, `Run ${run}`);
    const anew = changedPins(pins, now).length > 0;
    if (anew && (checkpoints.size > 0 || entries.length > 1)) {
      context.onWarning(
        "the target is another one than before (a restart or a failover): the run begins anew",
      );
    }
    return await attempt(recovery, context, started.plan, {
      id: run,
      lock,
      pins: now,
      maxRate: settings.maxRate ?? started.maxRate ?? context.config.recovery.max_rate,
      earlier: entries,
      checkpoints: anew ? new Map() : new Map(checkpoints),
      anew,
      first: { event: "resumed", host: hostname(), lock: lock.kind, token: lock.token, anew, pins: now },
    });
  } finally {
    await lock.release();
  }
}

interface Attempt {
  readonly id: string;
  readonly lock: RoleLock;
  readonly pins: readonly Pin[];
  readonly maxRate: number | undefined;
  readonly earlier: readonly JournalEntry[];
  readonly checkpoints: Map<string, unknown>;
  readonly anew: boolean;
  readonly first: Parameters<Journal["append"]>[0];
}

/** Executes and verifies, under a lock that is held. */
async function attempt<Details, Name extends RecoveryName>(
  recovery: Recovery<Details, Name>,
  given: RecoveryContext<Name>,
  plan: Plan<Details>,
  { id, lock, pins, maxRate, earlier, checkpoints, anew, first }: Attempt,
): Promise<RunReport> {
  const { config } = given;
  const rows =
    config.postgres !== undefined && lock.kind === "postgres"
      ? new JournalRows(config.postgres, id, given.onWarning)
      : undefined;
  const journal = new Journal(journalFolder(config), id, earlier, (line, entry) => rows?.add(line, entry));
  earlier.forEach((entry, line) => {
    rows?.add(line, entry);
  });
  const session = new RunSession({ recovery, context: given, id, lock, journal, checkpoints, maxRate });
  const context = session.context;
  let outcome: "succeeded" | "failed" | "interrupted" = "failed";
  let code: RedisopsError["code"] | undefined;
  try {
    return await withSpan(`recovery ${recovery.name}`, { "redisops.run": id }, async () => {
      journal.append(first);
      const attempts = earlier.filter(({ event }) => event === "started" || event === "resumed").length;
      await session.begin(attempts === 0 ? "new" : anew ? "anew" : "resumed", attempts);
      const started = performance.now();
      await recovery.execute(context, plan, session.run);
      const seconds = (performance.now() - started) / 1000;
      await requireSameTarget(recovery, context, pins);
      journal.note({ event: "executed", items: plan.items, seconds });
      const found = await session.run.finish("verify", () => recovery.verify(context, plan));
      journal.note({ event: "verified", holds: found.holds, figures: found.figures });
      outcome = found.holds ? "succeeded" : "failed";
      if (!found.holds) code = "VERIFICATION_FAILED";
      const verification = { ...found, facts: [...found.facts, ...incomplete(journal)] };
      return { run: id, journal: journal.path, seconds, verification };
    });
  } catch (error) {
    const stopped = session.stopped(error);
    // What stopped the run matters more than that the disk is full as well.
    journal.note({ event: "failed", code: stopped.code, message: stopped.message });
    code = stopped.code;
    outcome = stopped.code === "INTERRUPTED" ? "interrupted" : "failed";
    throw stopped;
  } finally {
    await session.end(outcome, code);
    await rows?.close();
    journal.close();
  }
}

/** Rejects with TARGET_CHANGED when what was written may be gone, because other processes hold the target's data now. */
async function requireSameTarget<Details, Name extends RecoveryName>(
  recovery: Recovery<Details, Name>,
  context: RecoveryContext<Name>,
  pins: readonly Pin[],
): Promise<void> {
  const targets = pins.filter(({ of }) => of === "target");
  if (targets.length === 0) return;
  const changed = changedPins(targets, await recovery.pins(context));
  if (changed.length === 0) return;
  const labels = changed.map(({ pin }) => pin.label).join(", ");
  throw new RedisopsError("TARGET_CHANGED", `During the run the target became another one (${labels})`);
}
