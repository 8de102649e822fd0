import { Pool } from "pg";
import { describePostgres, postgresClientOptions } from "../../core/postgres/connect.ts";
import type { PostgresConnectionConfig } from "../../fallbacks/guard/guarded-postgres.ts";

/** Rows in one statement. */
const batchSize = 500;
/** Milliseconds between two statements. */
const interval = 250;
/** Rows that may wait while Postgres is away; the oldest are given up beyond. */
const maxWaiting = 100_000;
const deadlineMs = 5_000;

/** The statement that writes rows, and its parameters. */
export interface RowWriter<Row> {
  readonly insert: string;
  readonly values: (rows: readonly Row[]) => readonly unknown[];
}

/** Writes rows into a table in batches, on one connection, as far as Postgres is there. */
export class BatchedRows<Row> {
  readonly #writer: RowWriter<Row>;
  readonly #pool: Pool;
  readonly #timer: NodeJS.Timeout;
  #waiting: Row[] = [];
  #writing: Promise<void> | undefined;
  #stored = 0;
  #lost = 0;

  constructor(config: PostgresConnectionConfig, writer: RowWriter<Row>) {
    this.#writer = writer;
    this.#pool = new Pool({
      ...postgresClientOptions(config, describePostgres(config)),
      max: 1,
      connectionTimeoutMillis: deadlineMs,
      query_timeout: deadlineMs,
      allowExitOnIdle: true,
    });
    this.#pool.on("error", () => undefined); // else a connection that dies while idle would end the process
    this.#timer = setInterval(() => void this.#flush(), interval);
  }

  get counts() {
    return { stored: this.#stored, storing: this.#waiting.length, storeLost: this.#lost };
  }

  /** Takes a row; it is written soon. */
  add(row: Row): void {
    this.#waiting.push(row);
    if (this.#waiting.length <= maxWaiting) return;
    this.#waiting.shift();
    this.#lost += 1;
  }

  /** Writes what waits, as far as Postgres is there, and ends the connection. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#flush();
    await Promise.race([this.#pool.end(), new Promise((resolve) => setTimeout(resolve, 500).unref())]);
  }

  #flush(): Promise<void> {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const rows = this.#waiting.slice(0, batchSize);
      try {
        await this.#pool.query(this.#writer.insert, [...this.#writer.values(rows)]);
      } catch {
        return; // they wait for the next turn
      }
      this.#waiting = this.#waiting.slice(rows.length);
      this.#stored += rows.length;
    }
  }
}
