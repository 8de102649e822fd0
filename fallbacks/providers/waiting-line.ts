import type { Permit, Refusal } from "./account.ts";

/** How many may wait, and for how long. */
export interface WaitingOptions {
  /** Most that wait at the same time. */
  readonly maxWaiting: number;
  /** Longest wait of each, in milliseconds. */
  readonly maxWaitMs: number;
}

interface Waiter {
  readonly until: number;
  readonly settle: (outcome: Permit | Refusal) => void;
}

/** Longest time between two attempts in milliseconds: an account may free up earlier than it said. */
const longestPause = 100;
/** And the shortest, so that a thousand waiters do not keep the process busy. */
const shortestPause = 1;

/** Critical notifications that wait for the first account to free up, served in order by one loop. */
export class WaitingLine {
  readonly #acquire: () => Promise<Permit | Refusal>;
  readonly #options: WaitingOptions;
  readonly #waiters: Waiter[] = [];
  #closed = false;
  #serving = false;
  #wake: () => void = () => undefined;

  /** `acquire` asks all accounts. */
  constructor(acquire: () => Promise<Permit | Refusal>, options: WaitingOptions) {
    this.#acquire = acquire;
    this.#options = options;
  }

  get length(): number {
    return this.#waiters.length;
  }

  /** Waits for a permit. Answers `refusal`, or the latest one, when there is no place or the time is over. */
  join(refusal: Refusal): Promise<Permit | Refusal> {
    if (this.#closed || this.#waiters.length >= this.#options.maxWaiting) return Promise.resolve(refusal);
    return new Promise((settle) => {
      this.#waiters.push({ until: performance.now() + this.#options.maxWaitMs, settle });
      if (!this.#serving) this.#serve().catch(() => undefined);
    });
  }

  /** Sends everyone away who waits. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  async #serve(): Promise<void> {
    this.#serving = true;
    for (let [first] = this.#waiters; first !== undefined; [first] = this.#waiters) {
      const outcome = await this.#acquire();
      const left = this.#closed ? 0 : first.until - performance.now();
      if ("reason" in outcome && left > 0) {
        await this.#pause(Math.min(outcome.retryAfterMs, left));
        continue;
      }
      this.#waiters.shift();
      first.settle(outcome);
    }
    this.#serving = false;
  }

  #pause(milliseconds: number): Promise<void> {
    const bounded = Math.max(shortestPause, Math.min(longestPause, milliseconds));
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, bounded);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
