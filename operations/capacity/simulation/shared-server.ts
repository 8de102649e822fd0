import type { Agenda } from "./agenda.ts";

/** What a simulated Postgres can do. */
export interface ServerShape {
  /** Statements that it works on at full speed at the same time; need not be whole. More share it evenly. */
  readonly parallel: number;
  /** Statements that may be in it at the same time, as a pooler allows; the others wait in order. Unbounded when left out. */
  readonly connections?: number | undefined;
}

/** A statement in the server, or before it. */
interface Job {
  readonly work: number;
  readonly done: () => void;
  /** On the server's own clock of work done; undefined while it waits for a connection. */
  finish: number | undefined;
  over: boolean;
}

/** Takes a statement out, unless it is over: whatever was done for it is lost. */
export type Cancel = () => void;

/**
 * A server whose statements share what it can do evenly (processor sharing), behind a pool of connections that are given
 * out in the order of asking. It is the model of Postgres, and of Postgres behind PgBouncer.
 */
export class SharedServer {
  readonly #agenda: Agenda;
  readonly #parallel: number;
  readonly #connections: number;
  readonly #waiting: Job[] = [];
  /** By finish; small, because a pool or the workers' bulkheads bound it. */
  #working: Job[] = [];
  /** Work that each statement has been given since the beginning, in milliseconds. */
  #given = 0;
  #asOf = 0;
  #plans = 0;

  constructor(agenda: Agenda, { parallel, connections = Number.POSITIVE_INFINITY }: ServerShape) {
    this.#agenda = agenda;
    this.#parallel = parallel;
    this.#connections = connections;
  }

  /** Begins a statement that takes `work` milliseconds by itself. */
  submit(work: number, done: () => void): Cancel {
    const job: Job = { work, done, finish: undefined, over: false };
    this.#advance();
    if (this.#working.length < this.#connections) this.#begin(job);
    else this.#waiting.push(job);
    this.#plan();
    return () => {
      if (job.over) return;
      job.over = true;
      if (job.finish === undefined) return;
      this.#advance();
      this.#working.splice(this.#working.indexOf(job), 1);
      this.#admit();
      this.#plan();
    };
  }

  get #speed(): number {
    return Math.min(1, this.#parallel / Math.max(1, this.#working.length));
  }

  #advance(): void {
    this.#given += (this.#agenda.now - this.#asOf) * this.#speed;
    this.#asOf = this.#agenda.now;
  }

  #begin(job: Job): void {
    job.finish = this.#given + job.work;
    const finish = job.finish;
    const after = this.#working.findIndex((other) => (other.finish ?? 0) > finish);
    if (after < 0) this.#working.push(job);
    else this.#working.splice(after, 0, job);
  }

  #admit(): void {
    while (this.#working.length < this.#connections) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      if (!next.over) this.#begin(next);
    }
  }

  #plan(): void {
    const [first] = this.#working;
    if (first?.finish === undefined) return;
    const plan = ++this.#plans;
    this.#agenda.in(Math.max(0, first.finish - this.#given) / this.#speed, () => {
      if (plan !== this.#plans) return;
      this.#advance();
      first.over = true;
      this.#working.shift();
      this.#admit();
      first.done();
      this.#plan();
    });
  }
}
