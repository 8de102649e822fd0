import type pg from "pg";
import type { PostgresConfig } from "../config/postgres-section.ts";
import { connectPostgres, type PostgresConnection, type PostgresTimeouts } from "./connect.ts";
import { postgresError } from "./postgres-error.ts";

/**
 * A connection that is made when it is first needed, and anew after any failure. Work is done one piece after the other.
 * No piece is tried twice: its outcome may be unknown.
 */
export class ReconnectingPostgres {
  readonly #config: PostgresConfig;
  readonly #timeouts: PostgresTimeouts;
  #connection: PostgresConnection | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(config: PostgresConfig, timeouts: PostgresTimeouts) {
    this.#config = config;
    this.#timeouts = timeouts;
  }

  /** Works on the connection. Rejects with a RedisopsError. */
  work<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const next = this.#last.then(() => this.#attempt(work));
    this.#last = next.catch(() => undefined);
    return next;
  }

  /** Ends the connection after the work that is under way. */
  async close(): Promise<void> {
    await this.#last;
    this.#closed = true;
    await this.#disconnect();
  }

  async #attempt<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    if (this.#closed) throw new Error("the connection is closed");
    const connection = this.#connection ?? (await connectPostgres(this.#config, this.#timeouts));
    this.#connection = connection;
    try {
      return await work(connection.client);
    } catch (error) {
      await this.#disconnect();
      throw postgresError(error, connection.target);
    }
  }

  async #disconnect(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.close();
  }
}
