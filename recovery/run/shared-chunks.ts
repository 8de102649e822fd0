import { randomUUID } from "node:crypto";
import type { PostgresConfig } from "../../core/config/postgres-section.ts";
import { RedisopsError } from "../../core/errors.ts";
import { ReconnectingPostgres } from "../../core/postgres/reconnecting.ts";
import { runTables } from "../../core/recovery-runs/run-tables.ts";
import { lockHeartbeat, lockLease } from "../lock/role-lock.ts";
import type { Chunk, Chunks } from "../recovery.ts";

/** Milliseconds to connect, and for one statement. */
const timeouts = { connect: 3_000, statement: 5_000 };

/** The parts of a run in Postgres, where every process that has joined the run finds them. */
export class SharedChunks implements Chunks {
  readonly #database: ReconnectingPostgres;
  readonly #table: string;
  readonly #run: string;
  readonly #owner = randomUUID();
  #heartbeat: NodeJS.Timeout | undefined;
  #beating = false;

  constructor(postgres: PostgresConfig, run: string) {
    this.#database = new ReconnectingPostgres(postgres, timeouts);
    this.#table = runTables(postgres).chunks;
    this.#run = run;
  }

  async layDown(ids: readonly string[]): Promise<void> {
    await this.#query(
      `INSERT INTO ${this.#table} (run, chunk) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING`,
      [ids],
    );
  }

  async claim<Position>(): Promise<Chunk<Position> | undefined> {
    const { rows } = await this.#query<{ chunk: string; position: Position | null }>(
      `UPDATE ${this.#table} SET owner = $2, heartbeat_at = clock_timestamp()
       WHERE run = $1 AND chunk = (
         SELECT chunk FROM ${this.#table}
         WHERE run = $1 AND NOT finished AND (owner IS NULL
           OR heartbeat_at < clock_timestamp() - $3 * interval '1 millisecond')
         ORDER BY chunk LIMIT 1 FOR UPDATE SKIP LOCKED)
       RETURNING chunk, position`,
      [this.#owner, lockLease],
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    this.#heartbeat ??= setInterval(() => this.#beat(), lockHeartbeat).unref();
    return {
      id: row.chunk,
      position: row.position ?? undefined,
      checkpoint: (position) => this.#write(row.chunk, position, false),
      done: () => this.#write(row.chunk, null, true),
    };
  }

  async remaining(): Promise<number> {
    const { rows } = await this.#query<{ count: number }>(
      `SELECT count(*)::integer AS count FROM ${this.#table} WHERE run = $1 AND NOT finished`,
    );
    return rows[0]?.count ?? 0;
  }

  /** Makes all parts free again, for a run that is resumed: whoever worked on them before is dead or fenced off. */
  async release(): Promise<void> {
    await this.#query(`UPDATE ${this.#table} SET owner = NULL WHERE run = $1 AND NOT finished`);
  }

  /** Forgets the run's parts. */
  async clear(): Promise<void> {
    await this.#query(`DELETE FROM ${this.#table} WHERE run = $1`);
  }

  /** Gives back what this process works on, and ends the connection. Never rejects. */
  async close(): Promise<void> {
    clearInterval(this.#heartbeat);
    if (this.#heartbeat !== undefined) {
      await this.#query(
        `UPDATE ${this.#table} SET owner = NULL WHERE run = $1 AND owner = $2 AND NOT finished`,
        [this.#owner],
      ).catch(() => undefined);
    }
    await this.#database.close();
  }

  async #write(chunk: string, position: unknown, finished: boolean): Promise<void> {
    const { rowCount } = await this.#query(
      `UPDATE ${this.#table} SET position = $4, finished = $5, heartbeat_at = clock_timestamp()
       WHERE run = $1 AND owner = $2 AND chunk = $3 AND NOT finished`,
      [this.#owner, chunk, position === null ? null : JSON.stringify(position), finished],
    );
    if (rowCount === 1) return;
    throw new RedisopsError(
      "FENCED_OFF",
      `Another process has taken over part ${chunk} of run ${this.#run}: this one gave no sign of life for too long`,
    );
  }

  #beat(): void {
    if (this.#beating) return;
    this.#beating = true;
    this.#query(
      `UPDATE ${this.#table} SET heartbeat_at = clock_timestamp() WHERE run = $1 AND owner = $2 AND NOT finished`,
      [this.#owner],
    )
      .catch(() => undefined)
      .finally(() => {
        this.#beating = false;
      });
  }

  #query<Row extends object>(text: string, values: readonly unknown[] = []) {
    return this.#database.work((client) => client.query<Row>(text, [this.#run, ...values]));
  }
}
