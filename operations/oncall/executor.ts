import { setTimeout as delay } from "node:timers/promises";
import type { DegradationMode } from "../../catalog/mode.ts";
import type { RecoveryName } from "../../catalog/recoveries.ts";
import type { Config } from "../../core/config/schema.ts";
import { parseDuration } from "../../core/duration.ts";
import { RedisopsError } from "../../core/errors.ts";
import type { Execution } from "./answer.ts";
import { carryOut } from "./carry-out.ts";

/** What an executor tells. */
export interface ExecutorListener {
  onExecution(execution: Execution): void;
  onWarning(message: string): void;
}

/** A reason without its figures, so that one that only counts on is told once. */
const withoutFigures = (text: string) => text.replace(/\d+/g, "");

/**
 * Carries out the recoveries that redisops.yaml allows, one at a time. One that may not be carried out yet is looked at
 * again while its alert fires.
 */
export class Executor {
  readonly #config: Config;
  readonly #listener: ExecutorListener;
  readonly #closing = new AbortController();
  /** Recoveries that are waited for or carried out; one of each at most. */
  readonly #wanted = new Map<RecoveryName, Promise<void>>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(config: Config, listener: ExecutorListener) {
    this.#config = config;
    this.#listener = listener;
  }

  /** Carries a recovery out as soon as it may be, for a mode whose alert fires. Does nothing where that is under way. */
  offer(recovery: RecoveryName, mode: DegradationMode): void {
    if (!this.#config.oncall.execute.includes(recovery) || this.#wanted.has(recovery)) return;
    if (this.#closing.signal.aborted) return;
    const work = this.#work(recovery, mode).finally(() => this.#wanted.delete(recovery));
    this.#wanted.set(recovery, work);
  }

  /** Interrupts a run at its next safe point, from which it can be resumed, and waits for that. */
  async close(): Promise<void> {
    this.#closing.abort(new RedisopsError("INTERRUPTED", "redisops oncall was ended before the next step"));
    await Promise.all(this.#wanted.values());
  }

  async #work(recovery: RecoveryName, mode: DegradationMode): Promise<void> {
    const { signal } = this.#closing;
    let told: string | undefined;
    while (!signal.aborted) {
      const turn = this.#turn.then(() =>
        signal.aborted
          ? undefined
          : carryOut(recovery, mode, this.#config, signal, (message) => this.#listener.onWarning(message)),
      );
      this.#turn = turn;
      const execution = await turn;
      if (execution === undefined) return;
      const words = withoutFigures(`${execution.outcome} ${execution.because}`);
      if (words !== told) this.#listener.onExecution(execution);
      told = words;
      if (execution.outcome !== "waiting") return;
      await delay(parseDuration(this.#config.oncall.retry), undefined, { signal }).catch(() => undefined);
    }
  }
}
