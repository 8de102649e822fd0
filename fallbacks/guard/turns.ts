import { bulkheadDefaults } from "./bulkhead-defaults.ts";

/** A call that waits for its turn. */
export interface Waiting {
  /** When its answer is of no use any more, in milliseconds on the clock of `release`. */
  readonly end: number;
  /** Told once whether it has its turn; false when it would come too late. */
  readonly settle: (turn: boolean) => void;
}

/** Weight of the latest call in the running mean of their times, as in TCP's estimate of the round trip (RFC 6298). */
const weight = 1 / 8;
/** Means that a call must have left to be begun. With exponential times one call in seven takes longer. */
const meansNeeded = 2;

/**
 * The places of a bulkhead and who waits for one. The newest goes first: under more load than the server answers, in the
 * order of asking everybody would get a turn when the time is nearly over, and the server would work for nobody. For the
 * same reason nobody gets a turn with less time left than a call takes.
 *
 * At five times what Postgres serves, the order of asking used 38 % of it, this 100 %; docs/capacity.md has more.
 * `redisops capacity` simulates with this very class.
 */
export class Turns {
  readonly #places: number;
  readonly #maxWaiting: number;
  /** Oldest first. */
  readonly #waiting: Waiting[] = [];
  #taken = 0;
  #meanMs: number | undefined;

  constructor(
    places: number = bulkheadDefaults.maxConcurrent,
    maxWaiting: number = bulkheadDefaults.maxQueued,
  ) {
    this.#places = places;
    this.#maxWaiting = maxWaiting;
  }

  /** Takes a place if one is free. Who has one gives it back by `release`. */
  take(): boolean {
    if (this.#taken >= this.#places) return false;
    this.#taken += 1;
    return true;
  }

  /** Whether nobody more may wait. */
  get full(): boolean {
    return this.#waiting.length >= this.#maxWaiting;
  }

  /** Waits for a place. */
  wait(waiting: Waiting): void {
    this.#waiting.push(waiting);
  }

  /** Gives up waiting, unsettled. */
  leave(waiting: Waiting): void {
    const index = this.#waiting.indexOf(waiting);
    if (index >= 0) this.#waiting.splice(index, 1);
  }

  /** Learns how many milliseconds a call took; of one that was given up, how long it had been waited for. */
  took(milliseconds: number, answered: boolean): void {
    this.#meanMs ??= milliseconds;
    if (answered || milliseconds > this.#meanMs) this.#meanMs += (milliseconds - this.#meanMs) * weight;
  }

  /** Hands a place on to the newest that still has the time for a call. */
  release(now: number): void {
    const needed = (this.#meanMs ?? 0) * meansNeeded;
    for (let next = this.#waiting.pop(); next !== undefined; next = this.#waiting.pop()) {
      const inTime = next.end - now >= needed;
      next.settle(inTime);
      if (inTime) return;
    }
    this.#taken -= 1;
  }
}
