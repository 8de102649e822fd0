/** Something that has to be over by a time. */
export interface Expiring {
  /** When it has to be over, on the scale of `performance.now()`. */
  readonly expires: number;
  /** Whether it is over. */
  readonly settled: boolean;
  /** Told that its time has come while it is not over; must be settled afterwards. */
  expire(): void;
}

/** A timer that fires so many milliseconds late says that this process was held up. */
const stall = 10;
/** What a server is given after a stall to answer what left this process only then, in milliseconds. */
const graceAfterStall = 10;

/**
 * Deadlines of equal length, in the order in which they were set, behind one timer: a timer for each call would cost more
 * than the rest of the guard. What is settled leaves the queue with the next one that is added behind it.
 */
export class DeadlineQueue {
  readonly #entries: Expiring[] = [];
  #head = 0;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = 0;

  /** Adds one that expires no earlier than those added before. `milliseconds` are left until then. */
  add(entry: Expiring, milliseconds: number): void {
    this.#dropSettled();
    this.#entries.push(entry);
    if (this.#timer === undefined) this.#wait(milliseconds);
  }

  #wait(milliseconds: number): void {
    this.#dueAt = performance.now() + milliseconds;
    this.#timer = setTimeout(this.#due, milliseconds);
  }

  /**
   * Timers run before sockets are read. After a stall of this process the answers may be there already, unread: they get
   * their turn first, so that the process's own slowness is not blamed on the server. Commands that were made just before
   * the stall have not even left: they get a little time.
   */
  readonly #due = (): void => {
    const now = performance.now();
    const expire = () => this.#expire(now);
    if (now - this.#dueAt > stall) setTimeout(expire, graceAfterStall);
    else setImmediate(expire);
  };

  /** What was added after `now` has its own turn. */
  #expire(now: number): void {
    this.#timer = undefined;
    for (let entry = this.#entries[this.#head]; entry !== undefined; entry = this.#entries[this.#head]) {
      if (!entry.settled && entry.expires > now) break;
      this.#head += 1;
      if (!entry.settled) entry.expire();
    }
    this.#dropSettled();
    const next = this.#entries[this.#head];
    if (next !== undefined && this.#timer === undefined) {
      this.#wait(Math.max(1, Math.ceil(next.expires - performance.now())));
    }
  }

  #dropSettled(): void {
    const entries = this.#entries;
    while (this.#head < entries.length && entries[this.#head]?.settled === true) this.#head += 1;
    if (this.#head === entries.length) {
      entries.length = 0;
      this.#head = 0;
    } else if (this.#head >= 1_024 && this.#head * 2 >= entries.length) {
      entries.splice(0, this.#head);
      this.#head = 0;
    }
  }
}
