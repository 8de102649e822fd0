/** What a rate limit says about one request. */
export interface RateVerdict {
  readonly allowed: boolean;
  readonly limit: number;
  /** How many more are allowed in this window. */
  readonly remaining: number;
  /** When the window ends, in whole seconds since the epoch. */
  readonly resetSeconds: number;
}

/** Counts requests per window of one second, aligned to the clock's seconds. */
export class RateWindow {
  /** Requests allowed per second; may change at any time and holds from the next request on. */
  limit: number;
  readonly #now: () => number;
  #second = Number.NaN;
  #used = 0;

  /** `now` tells the time in milliseconds since the epoch. */
  constructor(limit: number, now: () => number) {
    this.limit = limit;
    this.#now = now;
  }

  /** Counts one request if it is within the limit; a refused one is not counted. */
  take(): RateVerdict {
    const second = Math.floor(this.#now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#used = 0;
    }
    const allowed = this.#used < this.limit;
    if (allowed) this.#used += 1;
    return {
      allowed,
      limit: this.limit,
      remaining: Math.max(0, this.limit - this.#used),
      resetSeconds: second + 1,
    };
  }
}
