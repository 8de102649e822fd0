import { performance } from "node:perf_hooks";

/** Milliseconds between two looks at whether this process stood still. */
const tickMs = 20;

/**
 * The time that is spent on awaiting an answer, without the time in which this process could not have taken it: it was
 * busy itself, or stopped. That time is no fault of whoever is asked.
 */
export class AwaitedTime {
  readonly #began = performance.now();
  readonly #ticker: NodeJS.Timeout;
  #tickedAt = this.#began;
  #stoodStill = 0;

  constructor() {
    this.#ticker = setInterval(() => {
      this.#stoodStill += this.#late();
      this.#tickedAt = performance.now();
    }, tickMs);
  }

  /** Milliseconds so far. */
  get ms(): number {
    return performance.now() - this.#began - this.#stoodStill - this.#late();
  }

  /** To be called in the end. */
  stop(): void {
    clearInterval(this.#ticker);
  }

  /** How overdue the next tick is. Timers are a little late by themselves: that is not counted. */
  #late(): number {
    const late = performance.now() - this.#tickedAt - tickMs;
    return late > tickMs / 2 ? late : 0;
  }
}
