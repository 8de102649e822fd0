import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import type { RedisopsError } from "../../core/errors.ts";

/** Longest pause between two looks at what may have changed, in milliseconds. */
const tick = 100;

/** What decides how fast a run may write. */
export interface PaceRules {
  /** Items per second at most at this moment; undefined: as fast as it goes. */
  rate(): number | undefined;
  /** Why the run has to wait at this moment; undefined: it has not. */
  pauseReason(): string | undefined;
  /** Why the run has to end; undefined: it goes on. */
  critical(): RedisopsError | undefined;
  /** Rejects when another run has the role. */
  check(): Promise<void>;
  onPause(reason: string): void;
  onContinue(seconds: number): void;
}

/** Holds a run to its rate, and back while its targets are under load. */
export class Pace {
  readonly #rules: PaceRules;
  /** Items that were written ahead of the rate. */
  #owed = 0;
  #owedAt = performance.now();

  constructor(rules: PaceRules) {
    this.#rules = rules;
  }

  /**
   * Waits until so many more items may be written. Rejects with the signal's reason, or with why the run has to end. The
   * lanes of a run may wait at the same time.
   */
  async take(items: number, signal: AbortSignal | undefined): Promise<void> {
    await this.#whilePaused(signal);
    while (this.#debt() > 0) {
      this.#goesOn(signal);
      const rate = this.#rules.rate();
      if (rate === undefined) break;
      await delay(Math.min(tick, (this.#owed / rate) * 1000 + 1));
    }
    this.#goesOn(signal);
    this.#owed += items;
    await this.#rules.check();
  }

  /** What is owed by now: it shrinks by the rate of the time that has passed. */
  #debt(): number {
    const now = performance.now();
    const rate = this.#rules.rate();
    this.#owed = rate === undefined ? 0 : Math.max(0, this.#owed - (rate * (now - this.#owedAt)) / 1000);
    this.#owedAt = now;
    return this.#owed;
  }

  async #whilePaused(signal: AbortSignal | undefined): Promise<void> {
    const reason = this.#rules.pauseReason();
    if (reason === undefined) return;
    const began = performance.now();
    this.#rules.onPause(reason);
    while (this.#rules.pauseReason() !== undefined) {
      this.#goesOn(signal);
      await delay(tick);
    }
    this.#rules.onContinue((performance.now() - began) / 1000);
  }

  #goesOn(signal: AbortSignal | undefined): void {
    signal?.throwIfAborted();
    const critical = this.#rules.critical();
    if (critical !== undefined) throw critical;
  }
}
