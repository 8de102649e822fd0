import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";

/** How often the rate doubles until it is at its limit: it starts at a sixty-fourth. */
const doublings = 6;
/** Reads of one statement: enough that the round trip is not what counts, few enough to be nothing for Postgres. */
const leastReads = 10;
const mostReads = 500;

/** How fast Postgres may be read. */
export interface RampOptions {
  /** Reads a second, at most. */
  readonly limit: number;
  /** Milliseconds in which the rate rises to it. */
  readonly rampMs: number;
  /** A statement that takes longer, in milliseconds, says that Postgres has no room for more. */
  readonly slowMs: number;
  /** A clock in milliseconds; the process's own unless given. */
  readonly now?: () => number;
}

/**
 * The rate at which a cold cache is filled from Postgres: it starts low and doubles as long as Postgres answers quickly,
 * and is halved when it does not. A cache that is warmed at full speed would take the database down that the workers fall
 * back to.
 */
export class ReadRamp {
  readonly #options: RampOptions;
  readonly #now: () => number;
  readonly #lowest: number;
  #rate: number;
  #changedAt: number;
  #nextAt: number;

  constructor(options: RampOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#lowest = Math.min(options.limit, Math.max(1, options.limit / 2 ** doublings));
    this.#rate = options.rampMs === 0 ? options.limit : this.#lowest;
    this.#changedAt = this.#now();
    this.#nextAt = this.#changedAt;
  }

  /** Reads a second that are allowed now. */
  get rate(): number {
    return this.#rate;
  }

  /** Reads that a statement should make at this rate: about ten statements a second, within bounds. */
  get batch(): number {
    return Math.max(leastReads, Math.min(mostReads, Math.floor(this.#rate / 10)));
  }

  /** Takes so many reads and answers the milliseconds to wait before them. */
  take(reads: number): number {
    const now = this.#now();
    const wait = Math.max(0, this.#nextAt - now);
    this.#nextAt = now + wait + (reads / this.#rate) * 1_000;
    return wait;
  }

  /** Takes note of how long a statement took, in milliseconds. */
  observe(milliseconds: number): void {
    const { limit, rampMs, slowMs } = this.#options;
    const now = this.#now();
    if (milliseconds > slowMs) {
      this.#rate = Math.max(this.#lowest, this.#rate / 2);
      this.#changedAt = now;
    } else if (now - this.#changedAt >= rampMs / doublings) {
      this.#rate = Math.min(limit, this.#rate * 2);
      this.#changedAt = now;
    }
  }

  /** Makes so many reads of Postgres when their time has come. Throws the signal's reason when it is aborted meanwhile. */
  async paced<T>(reads: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const wait = this.take(reads);
    if (wait > 0) {
      await delay(wait, undefined, { signal }).catch(() => undefined);
      signal.throwIfAborted();
    }
    const begun = this.#now();
    const result = await work();
    this.observe(this.#now() - begun);
    return result;
  }
}
