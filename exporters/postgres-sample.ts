import type { PostgresConfig } from "../core/config/postgres-section.ts";
import { withDeadline } from "../core/deadline.ts";
import { RedisopsError } from "../core/errors.ts";
import { describePostgres } from "../core/postgres/connect.ts";

/** A sample is drawn anew when it is older than this, in milliseconds; Postgres being away leaves the last one in use. */
const lifetime = 30_000;

/** A sample, and what it was drawn from. */
interface Drawn<T> {
  readonly source: string;
  readonly items: readonly T[];
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** What is kept of a sample between scrapes, and when the configuration is read anew. */
export class SampleMemory<T> {
  latest: Drawn<T> | undefined;
}

/** How a sample is drawn. */
export interface SampleSource<T> {
  readonly postgres: PostgresConfig;
  /** What it is drawn from, besides the database: another one makes the last sample worthless. */
  readonly from: object;
  draw(milliseconds: number): Promise<readonly T[]>;
}

/** A sample of Postgres's rows, kept for a while so that scrapes do not draw one each, and while Postgres is away. */
export class PostgresSample<T> {
  readonly #source: SampleSource<T>;
  readonly #name: string;
  readonly #memory: SampleMemory<T>;
  #drawing: Promise<readonly T[]> | undefined;

  constructor(source: SampleSource<T>, memory: SampleMemory<T>) {
    const { address, database } = source.postgres;
    this.#source = source;
    this.#name = JSON.stringify([address, database, source.from]);
    this.#memory = memory;
  }

  /**
   * The current sample, within the given milliseconds; those who ask while it is drawn share it. Rejects with a
   * RedisopsError when none could be drawn yet.
   */
  async current(milliseconds: number): Promise<readonly T[]> {
    const last = this.#memory.latest?.source === this.#name ? this.#memory.latest : undefined;
    const age = last === undefined ? Number.POSITIVE_INFINITY : Date.now() - last.at;
    if (last !== undefined && age < lifetime && last.items.length > 0) return last.items;
    const target = describePostgres(this.#source.postgres);
    try {
      return await withDeadline(
        this.#draw(milliseconds),
        milliseconds,
        () =>
          new RedisopsError("POSTGRES_TIMEOUT", `${target} did not answer before the deadline`, { target }),
      );
    } catch (error) {
      if (last === undefined || last.items.length === 0) throw error;
      return last.items;
    }
  }

  #draw(milliseconds: number): Promise<readonly T[]> {
    this.#drawing ??= this.#source
      .draw(milliseconds)
      .then((items) => {
        this.#memory.latest = { source: this.#name, items, at: Date.now() };
        return items;
      })
      .finally(() => {
        this.#drawing = undefined;
      });
    return this.#drawing;
  }
}
