/** Milliseconds between two looks at the clock. */
const tickMs = 20;
/** The most that is made up for at once, in seconds: after a stall the rate does not become a burst. */
const maxCatchUp = 0.25;

/** Calls `produce` so many times per second, as evenly as a timer allows; the rate may change at any time. */
export class Pace {
  perSecond: number;
  readonly #timer: NodeJS.Timeout;
  #due = 0;
  #last = performance.now();

  constructor(perSecond: number, produce: () => void) {
    this.perSecond = perSecond;
    this.#timer = setInterval(() => {
      const now = performance.now();
      const elapsed = Math.min((now - this.#last) / 1_000, maxCatchUp);
      this.#last = now;
      this.#due = Math.min(this.#due + elapsed * this.perSecond, Math.max(1, this.perSecond * maxCatchUp));
      for (; this.#due >= 1; this.#due -= 1) produce();
    }, tickMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
