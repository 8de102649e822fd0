import { Breaker, type BreakerOptions, rejected } from "../../../fallbacks/guard/breaker.ts";
import { bulkheadDefaults } from "../../../fallbacks/guard/bulkhead-defaults.ts";
import { Turns, type Waiting } from "../../../fallbacks/guard/turns.ts";
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

interface Read {
  readonly end: number;
  readonly work: number;
  readonly settle: (served: boolean) => void;
}

/**
 * The library's GuardedPostgres on simulated time: its own places and queue, its own breaker, and one deadline from asking
 * to answer.
 */
export class Bulkhead {
  readonly #agenda: Agenda;
  readonly #server: SharedServer;
  readonly #turns: Turns;
  readonly #deadlineMs: number;
  readonly #breaker: Breaker;
  readonly #reconnectMs: number;
  #lostConnections = 0;

  constructor(agenda: Agenda, server: SharedServer, random: () => number, shape: BulkheadShape = {}) {
    this.#agenda = agenda;
    this.#server = server;
    this.#turns = new Turns(shape.maxConcurrent, shape.maxQueued);
    this.#deadlineMs = shape.deadlineMs ?? bulkheadDefaults.deadlineMs;
    this.#breaker = new Breaker({ random, ...shape.breaker });
    this.#reconnectMs = shape.reconnectMs ?? usualReconnect;
  }

  /** Asks for a read that takes the server `work` milliseconds by itself; `settle` is told whether it was answered. */
  read(work: number, settle: (served: boolean) => void): void {
    const read: Read = { end: this.#agenda.now + this.#deadlineMs, work, settle };
    if (this.#turns.take()) this.#run(read);
    else if (this.#turns.full || this.#breaker.open) settle(false);
    else this.#wait(read);
  }

  #wait(read: Read): void {
    let settled = false;
    const waiting: Waiting = {
      end: read.end,
      settle: (turn) => {
        settled = true;
        // Apart from this call: behind an open breaker a whole queue is told so, one after the other.
        if (turn) this.#agenda.in(0, () => this.#run(read));
        else read.settle(false);
      },
    };
    this.#turns.wait(waiting);
    this.#agenda.in(this.#deadlineMs, () => {
      if (settled) return;
      this.#turns.leave(waiting);
      read.settle(false);
    });
  }

  #run({ end, work, settle }: Read): void {
    const admission = this.#breaker.admit(this.#agenda.now);
    if (admission === rejected) {
      this.#turns.release(this.#agenda.now);
      settle(false);
      return;
    }
    let begun: number | undefined;
    let cancel: Cancel | undefined;
    let settled = false;
    const over = (served: boolean) => {
      settled = true;
      if (begun !== undefined) this.#turns.took(this.#agenda.now - begun, served);
      if (served) this.#breaker.succeeded(admission);
      else this.#breaker.failed(admission, this.#agenda.now);
      this.#turns.release(this.#agenda.now);
      settle(served);
    };
    const begin = () => {
      if (settled) return;
      begun = this.#agenda.now;
      cancel = this.#server.submit(work, () => over(true));
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
}
