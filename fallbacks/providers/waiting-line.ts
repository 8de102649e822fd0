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

/** Waiters for whom is asked at the same time: one by one, a round trip to Redis each would be the line's speed. */
const atOnce = 64;

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
    while (this.#waiters.length > 0) {
      const places = Math.min(this.#waiters.length, atOnce);
      const outcomes = await Promise.all(Array.from({ length: places }, () => this.#acquire()));
      let refusal: Refusal | undefined;
      for (const outcome of outcomes) {
        if (!("reason" in outcome)) this.#waiters.shift()?.settle(outcome);
        else if (refusal === undefined || outcome.retryAfterMs < refusal.retryAfterMs) refusal = outcome;
      }
      if (refusal === undefined) continue;
      this.#sendAway(refusal);
      const [first] = this.#waiters;
      if (first === undefined) break;
      await this.#pause(Math.min(refusal.retryAfterMs, first.until - performance.now()));
    }
    this.#serving = false;
  }

  /** Those whose time is over; they are at the front, as all may wait equally long. */
  #sendAway(refusal: Refusal): void {
    const now = performance.now();
    while (this.#waiters.length > 0 && (this.#closed || (this.#waiters[0]?.until ?? 0) <= now)) {
      this.#waiters.shift()?.settle(refusal);
    }
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
