import { Breaker, type BreakerOptions, rejected } from "../../../fallbacks/guard/breaker.ts";
import { bulkheadDefaults } from "../../../fallbacks/guard/bulkhead-defaults.ts";
import type { Agenda } from "./agenda.ts";
import type { Cancel, SharedServer } from "./shared-server.ts";

/** How much of Postgres a simulated process may take; what is left out is as in the library. */
export interface BulkheadShape {
  readonly maxConcurrent?: number | undefined;
  readonly maxQueued?: number | undefined;
  readonly deadlineMs?: number | undefined;
  readonly breaker?: BreakerOptions | undefined;
  /** Milliseconds for a new connection, which a statement that outlived its deadline costs the next one. Default 10. */
  readonly reconnectMs?: number | undefined;
}

/** A Postgres login with SCRAM, from a Node process, in milliseconds; 5 to 15 on the machine of the benchmarks. */
const usualReconnect = 10;

interface Waiting {
  readonly end: number;
  readonly work: number;
  settle: ((served: boolean) => void) | undefined;
}

/**
 * The rules of the library's GuardedPostgres on simulated time: bounded concurrency, a bounded queue in the order of
 * asking, one deadline from asking to answer, and the library's own breaker.
 */
export class Bulkhead {
  readonly #agenda: Agenda;
  readonly #server: SharedServer;
  readonly #maxConcurrent: number;
  readonly #maxQueued: number;
  readonly #deadlineMs: number;
  readonly #breaker: Breaker;
  readonly #reconnectMs: number;
  #queue: Waiting[] = [];
  #head = 0;
  #waiting = 0;
  #running = 0;
  #lostConnections = 0;

  constructor(agenda: Agenda, server: SharedServer, random: () => number, shape: BulkheadShape = {}) {
    this.#agenda = agenda;
    this.#server = server;
    this.#maxConcurrent = shape.maxConcurrent ?? bulkheadDefaults.maxConcurrent;
    this.#maxQueued = shape.maxQueued ?? bulkheadDefaults.maxQueued;
    this.#deadlineMs = shape.deadlineMs ?? bulkheadDefaults.deadlineMs;
    this.#breaker = new Breaker({ random, ...shape.breaker });
    this.#reconnectMs = shape.reconnectMs ?? usualReconnect;
  }

  /** Asks for a read that takes the server `work` milliseconds by itself; `settle` is told whether it was answered. */
  read(work: number, settle: (served: boolean) => void): void {
    const end = this.#agenda.now + this.#deadlineMs;
    if (this.#running < this.#maxConcurrent) {
      this.#running += 1;
      this.#run({ end, work, settle });
    } else if (this.#waiting >= this.#maxQueued || this.#breaker.open) {
      settle(false);
    } else {
      this.#wait({ end, work, settle });
    }
  }

  #wait(waiting: Waiting): void {
    this.#waiting += 1;
    this.#queue.push(waiting);
    this.#agenda.in(this.#deadlineMs, () => {
      const { settle } = waiting;
      if (settle === undefined) return;
      waiting.settle = undefined;
      this.#waiting -= 1;
      settle(false);
    });
  }

  #run({ end, work, settle }: Waiting): void {
    const admission = this.#breaker.admit(this.#agenda.now);
    if (admission === rejected) {
      this.#release();
      settle?.(false);
      return;
    }
    let cancel: Cancel | undefined;
    let settled = false;
    const over = (served: boolean) => {
      settled = true;
      if (served) this.#breaker.succeeded(admission);
      else this.#breaker.failed(admission, this.#agenda.now);
      this.#release();
      settle?.(served);
    };
    const begin = () => {
      if (!settled) cancel = this.#server.submit(work, () => over(true));
    };
    if (this.#lostConnections > 0) {
      this.#lostConnections -= 1;
      this.#agenda.in(this.#reconnectMs, begin);
    } else {
      begin();
    }
    // As in the library, a statement that had to wait for its turn has a millisecond at least.
    this.#agenda.in(Math.max(1, end - this.#agenda.now), () => {
      if (settled) return;
      if (cancel !== undefined) this.#lostConnections += 1;
      cancel?.();
      over(false);
    });
  }

  #release(): void {
    for (let next = this.#queue[this.#head]; next !== undefined; next = this.#queue[this.#head]) {
      this.#head += 1;
      const { settle } = next;
      if (settle === undefined) continue;
      next.settle = undefined;
      this.#waiting -= 1;
      const turn = { ...next, settle };
      // Apart from this call: behind an open breaker a whole queue is told so, one after the other.
      this.#agenda.in(0, () => this.#run(turn));
      this.#forget();
      return;
    }
    this.#forget();
    this.#running -= 1;
  }

  /** Keeps the queue's memory bounded. */
  #forget(): void {
    if (this.#head < 1_024) return;
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
  }
}
