import pg from "pg";
import { type Registry, register } from "prom-client";
import type { ErrorClass } from "../../catalog/error-class.ts";
import { splitAddress } from "../../core/address.ts";
import type { PostgresConfig } from "../../core/config/postgres-section.ts";
import { cancelStatement } from "../../core/postgres/cancel-request.ts";
import { describePostgres, postgresPoolOptions } from "../../core/postgres/connect.ts";
import { postgresErrorClass } from "../../core/postgres/postgres-error.ts";
import { type CounterSeries, Signals } from "../signals/signals.ts";
import { failSpan, startSpan } from "../signals/spans.ts";
import { storeFailures } from "../signals/store-failures.ts";
import { Breaker, type BreakerOptions, rejected } from "./breaker.ts";
import { bulkheadDefaults } from "./bulkhead-defaults.ts";
import { type StoreFailure, storeFailure } from "./store-failure.ts";
import { Turns, type Waiting } from "./turns.ts";

/** How to reach Postgres: the `postgres` section of redisops.yaml, of which the tables are not needed. PgBouncer will do. */
export type PostgresConnectionConfig = Omit<PostgresConfig, "tables">;

/** How much of Postgres one process may take: the bulkhead. */
export interface BulkheadOptions {
  /** Statements at the same time, each on a connection of its own. Default 8. */
  readonly maxConcurrent?: number | undefined;
  /** Statements that may wait for their turn, the newest first; the next one gets no answer, at once. Default 256. */
  readonly maxQueued?: number | undefined;
  /** Milliseconds from asking to answer, waiting included. Default 50. */
  readonly deadlineMs?: number | undefined;
  readonly breaker?: BreakerOptions | undefined;
  /** The prom-client registry for the signals; the default one when left out. */
  readonly metrics?: Registry | undefined;
}

/** Longest time for a new connection, in milliseconds; a statement gives up earlier, the connection serves the next one. */
const connectTimeout = 2_000;

const noAnswer = "timeout: no answer before the deadline";

/**
 * Postgres behind a bulkhead (bounded concurrency, bounded queue), a deadline and a breaker, so that a fallback that
 * reads from it cannot take it down with a burst, nor the process that reads.
 */
export class GuardedPostgres {
  readonly #pool: pg.Pool;
  readonly #host: string;
  readonly #port: number;
  readonly #turns: Turns;
  readonly #deadlineMs: number;
  readonly #breaker: Breaker;
  readonly #calls: CounterSeries;
  readonly #shortCircuited: CounterSeries;
  readonly #failures: Readonly<Record<ErrorClass, CounterSeries>>;
  readonly #forget: () => void;
  #ending: Promise<void> | undefined;

  constructor(config: PostgresConnectionConfig, options: BulkheadOptions = {}) {
    const maxConcurrent = options.maxConcurrent ?? bulkheadDefaults.maxConcurrent;
    this.#turns = new Turns(maxConcurrent, options.maxQueued);
    this.#deadlineMs = options.deadlineMs ?? bulkheadDefaults.deadlineMs;
    this.#breaker = new Breaker(options.breaker);
    const signals = Signals.of(options.metrics ?? register);
    const role = "postgres";
    this.#calls = signals.counter("redisops_store_calls_total", { role });
    this.#shortCircuited = signals.counter("redisops_store_short_circuited_total", { role });
    this.#failures = storeFailures(signals, role);
    this.#forget = signals.gauge("redisops_breakers_open", { role }, () => (this.#breaker.open ? 1 : 0));
    const { host, port } = splitAddress(config.address);
    this.#host = host;
    this.#port = port;
    this.#pool = new pg.Pool({
      ...postgresPoolOptions(config, describePostgres(config)),
      application_name: "redisops-fallbacks",
      connectionTimeoutMillis: connectTimeout,
      max: maxConcurrent,
      idleTimeoutMillis: 30_000,
      allowExitOnIdle: true,
    });
    // Without a listener a connection that dies, idle or in use, would end the process.
    this.#pool.on("error", () => undefined);
    this.#pool.on("connect", (client) => client.on("error", () => undefined));
  }

  /**
   * Runs one statement. Never rejects for want of an answer: the outcome is then a StoreFailure, also when the statement
   * may have been executed all the same. Rejects with Postgres's error when the statement itself is at fault.
   */
  async query<Row extends pg.QueryResultRow>(
    text: string,
    values: readonly unknown[],
    deadlineMs = this.#deadlineMs,
  ): Promise<pg.QueryResult<Row> | StoreFailure> {
    const end = performance.now() + deadlineMs;
    if (!this.#turns.take()) {
      if (this.#turns.full || this.#breaker.open) {
        this.#shortCircuited.pending += 1;
        return storeFailure(this.#breaker.open ? "short_circuited" : "overloaded");
      }
      if (!(await this.#turn(end))) {
        this.#shortCircuited.pending += 1;
        return storeFailure("overloaded");
      }
    }
    try {
      return await this.#run<Row>(text, values, end);
    } finally {
      this.#turns.release(performance.now());
    }
  }

  /** Ends all connections; does not wait for a server that hangs. */
  async close(): Promise<void> {
    this.#forget();
    this.#ending ??= this.#pool.end();
    await Promise.race([this.#ending, new Promise((resolve) => setTimeout(resolve, 500).unref())]);
  }

  async #run<Row extends pg.QueryResultRow>(
    text: string,
    values: readonly unknown[],
    end: number,
  ): Promise<pg.QueryResult<Row> | StoreFailure> {
    const now = performance.now();
    const admission = this.#breaker.admit(now);
    if (admission === rejected) {
      this.#shortCircuited.pending += 1;
      return storeFailure("short_circuited");
    }
    this.#calls.pending += 1;
    const span = startSpan("query", "postgres");
    try {
      const result = await this.#queryUntil<Row>({ text, values: [...values] }, Math.max(1, end - now));
      this.#breaker.succeeded(admission);
      span?.end();
      return result;
    } catch (error) {
      const errorClass = postgresErrorClass(error);
      failSpan(span, errorClass);
      if (errorClass === "other") {
        this.#breaker.succeeded(admission);
        throw error;
      }
      this.#failures[errorClass].pending += 1;
      this.#breaker.failed(admission, performance.now());
      return storeFailure(errorClass);
    }
  }

  /** The deadline covers the connection as well; a statement that outlives it is cancelled and costs its connection. */
  async #queryUntil<Row extends pg.QueryResultRow>(
    query: pg.QueryConfig,
    left: number,
  ): Promise<pg.QueryResult<Row>> {
    const end = performance.now() + left;
    const client = await this.#connect(left);
    const begun = performance.now();
    let timer: NodeJS.Timeout | undefined;
    let answered = false;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(
        () => {
          // An answer that came while this process was stalled is read first, as in DeadlineQueue.
          setImmediate(() => {
            if (answered) return;
            cancelStatement(client, this.#host, this.#port);
            reject(new Error(noAnswer));
          });
        },
        Math.max(1, end - performance.now()),
      );
    });
    try {
      const result = await Promise.race([client.query<Row>(query), late]);
      this.#turns.took(performance.now() - begun, true);
      client.release();
      return result;
    } catch (error) {
      this.#turns.took(performance.now() - begun, false);
      client.release(true);
      throw error;
    } finally {
      answered = true;
      clearTimeout(timer);
    }
  }

  /** A connection of the pool; one that comes too late goes back unused. */
  #connect(left: number): Promise<pg.PoolClient> {
    return new Promise((resolve, reject) => {
      let late = false;
      const timer = setTimeout(() => {
        setImmediate(() => {
          late = true;
          reject(new Error(noAnswer));
        });
      }, left);
      this.#pool.connect().then(
        (client) => {
          clearTimeout(timer);
          if (late) client.release();
          else resolve(client);
        },
        (error: unknown) => {
          clearTimeout(timer);
          reject(error);
        },
      );
    });
  }

  /** Waits for a running statement to end. Answers false when that takes too long. */
  #turn(end: number): Promise<boolean> {
    return new Promise((resolve) => {
      const waiting: Waiting = {
        end,
        settle: (turn) => {
          clearTimeout(timer);
          resolve(turn);
        },
      };
      const timer = setTimeout(
        () => {
          this.#turns.leave(waiting);
          resolve(false);
        },
        Math.ceil(end - performance.now()),
      );
      this.#turns.wait(waiting);
    });
  }
}
