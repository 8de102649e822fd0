import { performance } from "node:perf_hooks";
import type { RecoveryName } from "../../catalog/recoveries.ts";
import type { ErrorCodeName } from "../../core/error-codes.ts";
import { RedisopsError, toRedisopsError } from "../../core/errors.ts";
import { type Announcement, announce } from "../../core/recovery-runs/announce.ts";
import type { RunOutcome } from "../../core/recovery-runs/table.ts";
import { withSpan } from "../../core/tracing.ts";
import type { RoleLock } from "../lock/role-lock.ts";
import type { Chunks, Recovery, RecoveryContext, Run } from "../recovery.ts";
import { annotate } from "./annotation.ts";
import type { Journal } from "./journal.ts";
import { Load } from "./load.ts";
import { monitorLoad } from "./load-monitor.ts";
import { LocalChunks } from "./local-chunks.ts";
import { Pace } from "./pace.ts";
import { SharedChunks } from "./shared-chunks.ts";

interface SessionParts<Details, Name extends RecoveryName> {
  readonly recovery: Recovery<Details, Name>;
  readonly context: RecoveryContext<Name>;
  readonly id: string;
  readonly lock: RoleLock;
  /** Missing for a process that has joined another one's run. */
  readonly journal?: Journal | undefined;
  readonly checkpoints: Map<string, unknown>;
  readonly maxRate: number | undefined;
}

/** Codes of errors after which a run is not to be resumed: another one has the role. */
const notResumable = new Set<ErrorCodeName>(["FENCED_OFF"]);

/** A run while it is under way: what it asks before it writes, what it writes down, and what others see of it. */
export class RunSession<Details, Name extends RecoveryName> {
  readonly run: Run;
  readonly context: RecoveryContext<Name>;
  readonly #parts: SessionParts<Details, Name>;
  readonly #load = new Load();
  readonly #pace: Pace;
  readonly #stopMonitor = new AbortController();
  readonly #shared: SharedChunks | undefined;
  #monitor: Promise<void> | undefined;
  #visible: Announcement | undefined;
  #endAnnotation: ((outcome: string) => Promise<void>) | undefined;
  /** Steps under way that must not be stopped. */
  #finishing = 0;
  /** Lanes that wait because of the target's load. */
  #paused = 0;
  /** Whether anything may have been written. */
  #touched = false;

  constructor(parts: SessionParts<Details, Name>) {
    this.#parts = parts;
    const { context, lock, id } = parts;
    const { postgres } = context.config;
    this.#shared =
      postgres !== undefined && lock.kind === "postgres" ? new SharedChunks(postgres, id) : undefined;
    this.context = {
      ...context,
      onProgress: (progress) => {
        this.#visible?.progress(progress.done, progress.total);
        context.onProgress(progress);
      },
    };
    this.#pace = new Pace({
      rate: () => lock.askedRate ?? parts.maxRate,
      pauseReason: () => this.#load.pauseReason,
      critical: () => (this.#finishing > 0 ? undefined : this.#load.critical),
      check: () => lock.check(),
      onPause: (reason) => this.#onPause(reason),
      onContinue: (seconds) => this.#onContinue(seconds),
    });
    this.run = {
      id,
      step: (name, work) => this.#step(name, work),
      finish: (name, work) => this.#finish(name, work),
      pace: (items) => this.#take(items),
      checkpoint: <T>(name: string) => parts.checkpoints.get(name) as T | undefined,
      saveCheckpoint: (name, value) => this.#saveCheckpoint(name, value),
      chunks: this.#chunks(),
    };
  }

  /**
   * Lets others see the run, and begins to watch its targets. Each attempt has a row of its own in the table of runs: what
   * an earlier one ended in stays said until a later one has succeeded.
   */
  async begin(how: "new" | "resumed" | "anew" | "joined", attempts = 0): Promise<void> {
    const { recovery, context, id } = this.#parts;
    const { config, onWarning } = context;
    if (how === "anew") await this.#shared?.clear();
    if (how === "resumed") await this.#shared?.release();
    this.#monitor = monitorLoad(
      this.#load,
      {
        role: recovery.role,
        redis: config.roles[recovery.role],
        postgres: config.postgres,
        limits: config.recovery.limits,
      },
      this.#stopMonitor.signal,
    );
    if (how === "joined") return;
    const attempt = attempts === 0 ? id : `${id}.${attempts}`;
    const announced = { kind: "recovery", name: recovery.name, role: recovery.role, run: attempt } as const;
    this.#visible = await announce(config.postgres, announced, onWarning);
    const mark = {
      kind: "recovery" as const,
      tags: [`role:${recovery.role}`, `recovery:${recovery.name}`],
      text: `recover ${recovery.name}, run ${id}`,
    };
    this.#endAnnotation = annotate(config, mark, onWarning);
  }

  /** What stopped the run, for the reader: with how to go on where anything may have been written. */
  stopped(error: unknown): RedisopsError {
    const known = toRedisopsError(error);
    if (!this.#touched || notResumable.has(known.code) || known.resume !== undefined) return known;
    return new RedisopsError(known.code, known.message, {
      target: known.target,
      next: known.next,
      resume: this.#parts.id,
      cause: known,
    });
  }

  /** Lets others see how the run ended. Never rejects. */
  async end(outcome: RunOutcome, code: ErrorCodeName | undefined): Promise<void> {
    this.#stopMonitor.abort();
    if (outcome === "succeeded") await this.#shared?.clear().catch(() => undefined);
    await Promise.all([
      this.#monitor,
      this.#visible?.end(outcome, code),
      this.#endAnnotation?.(outcome),
      this.#shared?.close(),
    ]);
  }

  #chunks(): Chunks {
    const saved = (name: string) => this.#parts.checkpoints.get(name);
    return this.#shared ?? new LocalChunks(saved, (name, value) => this.#saveCheckpoint(name, value));
  }

  async #take(items: number): Promise<void> {
    const finishing = this.#finishing > 0;
    const failure = this.#parts.journal?.failure;
    if (failure !== undefined && !finishing) throw failure;
    this.#touched = true;
    await this.#pace.take(items, finishing ? undefined : this.context.signal);
  }

  async #saveCheckpoint(name: string, value: unknown): Promise<void> {
    const { journal, checkpoints } = this.#parts;
    if (journal === undefined) throw new Error("a process that has joined a run writes no checkpoints");
    if (this.#finishing > 0) journal.note({ event: "checkpoint", name, value });
    else journal.append({ event: "checkpoint", name, value });
    checkpoints.set(name, value);
  }

  async #step<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.context.signal.throwIfAborted();
    this.#parts.journal?.append({ event: "step_started", step: name });
    return this.#carryOut(name, work);
  }

  async #finish<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.#parts.journal?.note({ event: "step_started", step: name });
    this.#finishing += 1;
    try {
      return await this.#carryOut(name, work);
    } finally {
      this.#finishing -= 1;
    }
  }

  async #carryOut<T>(name: string, work: () => Promise<T>): Promise<T> {
    const { recovery, id, journal } = this.#parts;
    const started = performance.now();
    const span = `recovery ${recovery.name} ${name}`;
    const result = await withSpan(span, { "redisops.run": id }, work).finally(this.context.onStepEnd);
    journal?.note({ event: "step_ended", step: name, seconds: (performance.now() - started) / 1000 });
    return result;
  }

  #onPause(reason: string): void {
    this.#paused += 1;
    if (this.#paused > 1) return;
    this.#parts.lock.showPaused(reason);
    this.#visible?.paused(true);
    this.#parts.journal?.note({ event: "paused", reason });
    this.context.onWarning(`paused: ${reason}`);
  }

  #onContinue(seconds: number): void {
    this.#paused -= 1;
    if (this.#paused > 0) return;
    this.#parts.lock.showPaused(undefined);
    this.#visible?.paused(false);
    this.#parts.journal?.note({ event: "continued", seconds });
    this.context.onWarning(`goes on after ${seconds.toFixed(1)} s`);
  }
}
