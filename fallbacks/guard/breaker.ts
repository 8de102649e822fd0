/** What a breaker has when nothing else is said; `redisops capacity` counts with it. Times in milliseconds. */
const breakerDefaults = { failureThreshold: 5, minBackoffMs: 100, maxBackoffMs: 1_000 } as const;

/** When a breaker opens and how it finds its way back. */
export interface BreakerOptions {
  /**
   * Failures that outnumber the successes by this many open it: so many in a row, or a bit over half of all calls for a
   * while. Default 5.
   */
  readonly failureThreshold?: number | undefined;
  /** Milliseconds until the first probe; doubled after each failed one. Default 100. */
  readonly minBackoffMs?: number | undefined;
  /** Longest time between two probes in milliseconds. Default 1,000. */
  readonly maxBackoffMs?: number | undefined;
  /** Numbers from 0 to 1 for the spread of the probes; Math.random when left out. A simulation gives a seeded one. */
  readonly random?: (() => number) | undefined;
}

/** What a call that was let through hands back with its result, so that late results of an earlier state do not count. */
export type Admission = number;

/** The admission that is none. */
export const rejected: Admission = -1;

/**
 * A circuit breaker over one server. Closed, it lets every call through. Open, it rejects at the cost of a comparison;
 * once the back-off is over one call is let through as the probe, whose result closes it or opens it for longer.
 *
 * Own code, because a decision behind an open breaker is the library's hottest path: the breakers from npm build a
 * promise chain and an Error for every rejected call (bench `fallbacks` measures one).
 */
export class Breaker {
  readonly #threshold: number;
  readonly #minBackoff: number;
  readonly #maxBackoff: number;
  readonly #random: () => number;
  #balance = 0;
  #backoff: number;
  #openUntil = 0;
  #state: "closed" | "open" | "probing" = "closed";
  #era = 0;

  constructor(options: BreakerOptions = {}) {
    this.#threshold = options.failureThreshold ?? breakerDefaults.failureThreshold;
    this.#minBackoff = options.minBackoffMs ?? breakerDefaults.minBackoffMs;
    this.#maxBackoff = options.maxBackoffMs ?? breakerDefaults.maxBackoffMs;
    this.#random = options.random ?? Math.random;
    this.#backoff = this.#minBackoff;
  }

  /** Whether calls are being kept away from the server. */
  get open(): boolean {
    return this.#state !== "closed";
  }

  /** Lets a call through, or answers {@link rejected}. `now` is a monotonic time in milliseconds. */
  admit(now: number): Admission {
    if (this.#state === "closed") return this.#era;
    if (this.#state === "probing" || now < this.#openUntil) return rejected;
    this.#state = "probing";
    return this.#era;
  }

  /** An admitted call was answered. */
  succeeded(admission: Admission): void {
    if (admission !== this.#era) return;
    if (this.#state === "closed") {
      if (this.#balance > 0) this.#balance -= 1;
      return;
    }
    this.#era += 1;
    this.#state = "closed";
    this.#balance = 0;
    this.#backoff = this.#minBackoff;
  }

  /** An admitted call got no answer. Returns whether the breaker opened, or stays open, because of it. */
  failed(admission: Admission, now: number): boolean {
    if (admission !== this.#era) return false;
    if (this.#state === "closed") {
      this.#balance += 1;
      if (this.#balance < this.#threshold) return false;
    } else {
      this.#backoff = Math.min(this.#backoff * 2, this.#maxBackoff);
    }
    this.#era += 1;
    this.#state = "open";
    // A quarter of spread, so that a fleet's probes do not arrive together.
    this.#openUntil = now + this.#backoff * (0.75 + this.#random() * 0.5);
    return true;
  }

  /**
   * Opens at once, or stays open for longer: the server itself said for how many milliseconds it wants no calls. A
   * quarter more at most, so that a fleet's probes do not arrive together.
   */
  trip(now: number, milliseconds: number): void {
    const until = now + milliseconds * (1 + this.#random() * 0.25);
    this.#openUntil = this.open ? Math.max(this.#openUntil, until) : until;
    this.#era += 1;
    this.#state = "open";
  }

  /** Milliseconds until the next call may be let through; 0 when it may now, or when a probe is under way. */
  waitMs(now: number): number {
    return this.open ? Math.max(0, this.#openUntil - now) : 0;
  }

  /** An admitted call came to nothing that tells about the server: it is as if it had not been made. */
  withdrawn(admission: Admission): void {
    if (admission === this.#era && this.#state === "probing") this.#state = "open";
  }
}
