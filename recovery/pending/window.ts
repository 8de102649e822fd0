/** Messages on their way at the beginning, and at most. */
const firstSize = 1_000;
const largestSize = 4_000;
/** Messages in one batch at most: all of them are delivered twice if the process dies in it. */
const largestBatch = 1_000;
/** A lane is worth its transaction from this many messages on. */
const perLane = 500;
/** Messages by which the window grows with each fast batch, once it had to shrink. */
const step = 100;
/** Milliseconds that a batch may wait for the rate: a larger one would come in bursts. */
const longestWait = 500;

/**
 * How many messages may be on their way at once, in all lanes together: additive increase while acknowledgements are
 * fast, multiplicative decrease when they are slow or fail (Chiu and Jain 1989), doubled at first until that happens.
 */
export class DeliveryWindow {
  readonly #slowMs: number;
  readonly #maxLanes: number;
  #size = firstSize;
  #starting = true;
  #active = 0;
  #waiting: (() => void)[] = [];

  /** `slowMs`: acknowledgements of a batch that take longer shrink the window. */
  constructor(slowMs: number, maxLanes: number) {
    this.#slowMs = slowMs;
    this.#maxLanes = maxLanes;
  }

  /** Lanes that may work at the same time. */
  get lanes(): number {
    return Math.min(this.#maxLanes, Math.max(1, Math.ceil(this.#size / perLane)));
  }

  /** Messages that a batch may have. */
  get batch(): number {
    return Math.max(1, Math.min(largestBatch, Math.floor(this.#size / this.lanes)));
  }

  /** Runs a batch's work once a lane is free for it. */
  async inLane<T>(work: () => Promise<T>): Promise<T> {
    while (this.#active >= this.lanes) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#active++;
    try {
      return await work();
    } finally {
      this.#active--;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const wake of waiting) wake();
    }
  }

  /** Told of each batch how long its acknowledgement took; `full` when it had as many messages as it might. */
  delivered(milliseconds: number, full: boolean): void {
    if (milliseconds > this.#slowMs) this.#shrink(0.7);
    else if (full) {
      this.#size = Math.min(largestSize, this.#starting ? this.#size * 2 : this.#size + step);
    }
  }

  /** Told that a destination gave no answer. */
  failed(): void {
    this.#shrink(0.5);
  }

  /** Told how long a batch had to wait for the rate. */
  paced(milliseconds: number): void {
    if (milliseconds > longestWait) this.#shrink(0.7);
  }

  #shrink(factor: number): void {
    this.#starting = false;
    this.#size = Math.max(1, Math.floor(this.#size * factor));
  }
}
