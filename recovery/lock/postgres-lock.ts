import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { PostgresConfig } from "../../core/config/postgres-section.ts";
import { withDeadline } from "../../core/deadline.ts";
import { messageOf, RedisopsError } from "../../core/errors.ts";
import { ReconnectingPostgres } from "../../core/postgres/reconnecting.ts";
import { createRunTables, runTables } from "../../core/recovery-runs/run-tables.ts";
import { fencedOff, lockHeartbeat, lockHeld, lockLease, type RoleLock } from "./role-lock.ts";

/** Milliseconds to connect, and for one statement. */
const timeouts = { connect: 3_000, statement: 3_000 };
/** How long a run waits for a Postgres that restarts before it gives up, and the pause between two tries. */
const patience = 15_000;
const retryPause = 250;
/** Longest wait for giving the role back; the lease does it otherwise. */
const releaseDeadline = 2_000;

const postgresAway = /^POSTGRES_(?:REFUSED|LOST|TIMEOUT|CONNECTIONS_EXHAUSTED)$/;

interface Holder {
  readonly run: string;
  readonly host: string;
}

/** A role's lock as a row in Postgres. All times are Postgres's: no other clock matters. */
class PostgresLock implements RoleLock {
  readonly kind = "postgres" as const;
  readonly token: number;
  readonly #database: ReconnectingPostgres;
  readonly #table: string;
  readonly #role: string;
  readonly #run: string;
  readonly #heartbeat: NodeJS.Timeout;
  #askedRate: number | undefined;
  #paused: string | undefined;
  #beating = false;

  constructor(database: ReconnectingPostgres, table: string, role: string, run: string, token: number) {
    this.#database = database;
    this.#table = table;
    this.#role = role;
    this.#run = run;
    this.token = token;
    this.#heartbeat = setInterval(() => this.#beat(), lockHeartbeat).unref();
  }

  get askedRate(): number | undefined {
    return this.#askedRate;
  }

  showPaused(reason: string | undefined): void {
    this.#paused = reason;
  }

  async check(): Promise<void> {
    const began = performance.now();
    for (;;) {
      try {
        const { rowCount } = await this.#database.work((client) =>
          client.query(`SELECT FROM ${this.#table} WHERE role = $1 AND token = $2 AND run = $3`, [
            this.#role,
            this.token,
            this.#run,
          ]),
        );
        if (rowCount === 0) throw fencedOff(this.#role, this.#run);
        return;
      } catch (error) {
        const away = error instanceof RedisopsError && postgresAway.test(error.code);
        if (!away || performance.now() - began > patience) throw error;
        await delay(retryPause);
      }
    }
  }

  async release(): Promise<void> {
    clearInterval(this.#heartbeat);
    const free = this.#database.work((client) =>
      client.query(
        `UPDATE ${this.#table} SET run = NULL, paused = NULL, max_rate = NULL WHERE role = $1 AND token = $2`,
        [this.#role, this.token],
      ),
    );
    const closed = free.catch(() => undefined).then(() => this.#database.close());
    await withDeadline(closed, releaseDeadline, () => new Error("not in time")).catch(() => undefined);
  }

  /** One that Postgres does not take is made up for by the next one. */
  #beat(): void {
    if (this.#beating) return;
    this.#beating = true;
    this.#database
      .work((client) =>
        client.query<{ max_rate: number | null }>(
          `UPDATE ${this.#table} SET heartbeat_at = clock_timestamp(), paused = $4
           WHERE role = $1 AND token = $2 AND run = $3 RETURNING max_rate`,
          [this.#role, this.token, this.#run, this.#paused ?? null],
        ),
      )
      .then(({ rows }) => {
        if (rows[0] !== undefined) this.#askedRate = rows[0].max_rate ?? undefined;
      })
      .catch(() => undefined)
      .finally(() => {
        this.#beating = false;
      });
  }
}

/**
 * Takes a role for a run. Rejects with LOCK_HELD while another run has it and lives, with LOCK_UNAVAILABLE where the
 * tables cannot be made, and with what keeps Postgres from answering.
 */
export async function acquirePostgresLock(
  postgres: PostgresConfig,
  role: string,
  run: string,
): Promise<RoleLock> {
  const tables = runTables(postgres);
  const database = new ReconnectingPostgres(postgres, timeouts);
  try {
    const token = await database.work(async (client) => {
      await createRunTables(client, tables);
      const { rows } = await client.query<{ token: string }>(
        `INSERT INTO ${tables.locks} AS held (role, token, run, host, heartbeat_at)
         VALUES ($1, 1, $2, $3, clock_timestamp())
         ON CONFLICT (role) DO UPDATE
           SET token = held.token + 1, run = EXCLUDED.run, host = EXCLUDED.host,
               heartbeat_at = clock_timestamp(), max_rate = NULL, paused = NULL
           WHERE held.run IS NULL OR held.heartbeat_at < clock_timestamp() - $4 * interval '1 millisecond'
         RETURNING token::text`,
        [role, run, hostname(), lockLease],
      );
      if (rows[0] !== undefined) return Number(rows[0].token);
      const { rows: holders } = await client.query<Holder>(
        `SELECT run, host FROM ${tables.locks} WHERE role = $1 AND run IS NOT NULL`,
        [role],
      );
      throw lockHeld(role, holders[0] ?? {});
    });
    return new PostgresLock(database, tables.locks, role, run, token);
  } catch (error) {
    await database.close();
    throw tablesUnusable(error) ?? error;
  }
}

/** What keeps this user from the tables, if it is a privilege or a schema that is missing. */
function tablesUnusable(error: unknown): RedisopsError | undefined {
  const cause = error instanceof RedisopsError ? error.cause : undefined;
  const code = typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "";
  if (code !== "42501" && code !== "3F000") return undefined;
  return new RedisopsError("LOCK_UNAVAILABLE", `The lock of the role cannot be taken: ${messageOf(error)}`, {
    cause: error,
  });
}

/**
 * The view that a process has which joins another one's run: it checks that the run still has the role, and gives nothing
 * back.
 */
export async function observePostgresLock(
  postgres: PostgresConfig,
  role: string,
  run: string,
): Promise<RoleLock> {
  const { locks } = runTables(postgres);
  const database = new ReconnectingPostgres(postgres, timeouts);
  const read = () =>
    database.work((client) =>
      client.query<{ token: string; max_rate: number | null; alive: boolean }>(
        `SELECT token::text, max_rate, heartbeat_at > clock_timestamp() - $3 * interval '1 millisecond' AS alive
         FROM ${locks} WHERE role = $1 AND run = $2`,
        [role, run, lockLease],
      ),
    );
  try {
    const { rows } = await read();
    const row = rows[0];
    if (row?.alive !== true) {
      throw new RedisopsError("RUN_FINISHED", `Run ${run} is not under way`, {
        next: `redisops recover show ${run} says how it ended; one that stopped half-way can be resumed.`,
      });
    }
    const token = Number(row.token);
    let askedRate = row.max_rate ?? undefined;
    return {
      kind: "postgres",
      token,
      get askedRate() {
        return askedRate;
      },
      async check() {
        const { rows: now } = await read();
        if (now[0] === undefined || Number(now[0].token) !== token) throw fencedOff(role, run);
        askedRate = now[0].max_rate ?? undefined;
      },
      showPaused: () => undefined,
      release: () => database.close(),
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}
