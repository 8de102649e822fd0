import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { type RecoveryName, runLeaseSeconds } from "../../catalog/recoveries.ts";
import type { Role } from "../../catalog/roles.ts";
import type { PostgresConfig } from "../config/postgres-section.ts";
import { withDeadline } from "../deadline.ts";
import type { ErrorCodeName } from "../error-codes.ts";
import { messageOf, RedisopsError } from "../errors.ts";
import { connectPostgres, describePostgres, type PostgresConnection } from "../postgres/connect.ts";
import { postgresError } from "../postgres/postgres-error.ts";
import { newRunId } from "./run-id.ts";
import { isCreatedMeanwhile } from "./run-tables.ts";
import { createRunsTable, deleteOldRuns, type RunOutcome, runsTable, runsTableExists } from "./table.ts";

/** A run that others are to see: of a recovery, or a drill of the degradation mode that `name` says. */
export type AnnouncedRun = { readonly role: Role; readonly run?: string } & (
  | { readonly kind: "recovery"; readonly name: RecoveryName }
  | { readonly kind: "drill"; readonly name: string }
);

/** What a run tells others about itself. Nothing of it ever fails: the run matters more. */
export interface Announcement {
  /** How far the run is; written with the next heartbeat. Cheap enough to be called at any rate. */
  progress(done: number, total?: number): void;
  /** Whether the run waits for its target’s load to fall; written with the next heartbeat. */
  paused(paused: boolean): void;
  /** Writes down how the run ended; takes a few seconds at most. */
  end(outcome: RunOutcome, code?: ErrorCodeName): Promise<void>;
}

/** Milliseconds between two heartbeats; a sixth of the lease. */
const heartbeatInterval = 5_000;
/** Longest time to connect and for one statement, in milliseconds. A recovery waits for them at its start. */
const timeouts = { connect: 3_000, statement: 2_000 };
/** Longest time for all that a run waits for at its start, and at its end, in milliseconds. */
const patience = 5_000;
/** Pause between two tries to write down the end, in milliseconds. */
const endPause = 250;

/** A row in the table of runs, kept fresh until the run ends. */
class RunRow implements Announcement {
  readonly #postgres: PostgresConfig;
  readonly #table: string;
  readonly #run: string;
  readonly #onProblem: (problem: string) => void;
  #connection: PostgresConnection | undefined;
  #progress: { readonly done: number; readonly total: number | undefined } | undefined;
  #paused = false;
  #heartbeat: NodeJS.Timeout | undefined;
  #beating: Promise<void> = Promise.resolve();
  #waiting = false;
  /** Set when nobody waits any more: what is still under way ends, and nothing begins. */
  #abandoned = false;
  #ended = false;
  #lastError: unknown;

  constructor(postgres: PostgresConfig, run: string, onProblem: (problem: string) => void) {
    this.#postgres = postgres;
    this.#table = runsTable(postgres);
    this.#run = run;
    this.#onProblem = onProblem;
  }

  /** Rejects with a RedisopsError, in time, where the run cannot be made visible. */
  async start(announced: AnnouncedRun): Promise<void> {
    try {
      await this.#inTime(this.#begin(announced));
    } catch (error) {
      await this.#abandon();
      throw error;
    }
    this.#heartbeat = setInterval(() => this.#beat(), heartbeatInterval).unref();
  }

  progress(done: number, total?: number): void {
    this.#progress = { done, total };
  }

  paused(paused: boolean): void {
    this.#paused = paused;
  }

  async end(outcome: RunOutcome, code?: ErrorCodeName): Promise<void> {
    clearInterval(this.#heartbeat);
    await this.#inTime(this.#writeEnd(outcome, code)).catch((error: unknown) => {
      if (this.#ended) return;
      this.#onProblem(
        `the end of this run could not be written down, others see it as failed after ${runLeaseSeconds} s: ${messageOf(this.#lastError ?? error)}`,
      );
    });
    await this.#abandon();
  }

  #begin({ kind, name, role }: AnnouncedRun): Promise<void> {
    return this.#work(async ({ client }) => {
      if (!(await runsTableExists(client, this.#table))) {
        await client.query(createRunsTable(this.#table)).catch((error: unknown) => {
          if (!isCreatedMeanwhile(error)) throw error;
        });
      }
      await client.query(
        `INSERT INTO ${this.#table} (run, kind, name, role, state, host) VALUES ($1, $2, $3, $4, 'running', $5)`,
        [this.#run, kind, name, role, hostname()],
      );
    });
  }

  async #writeEnd(outcome: RunOutcome, code: ErrorCodeName | undefined): Promise<void> {
    await this.#beating;
    while (!this.#ended && !this.#abandoned) {
      try {
        await this.#update("state = $5, ended_at = clock_timestamp(), error_code = $6", [
          outcome,
          code ?? null,
        ]);
        this.#ended = true;
      } catch (error) {
        this.#lastError = error;
        await sleep(endPause);
      }
    }
    // Where it may not be done the table only grows, slowly.
    if (!this.#abandoned)
      await this.#work(async ({ client }) => void (await client.query(deleteOldRuns(this.#table)))).catch(
        () => undefined,
      );
  }

  #inTime(work: Promise<void>): Promise<void> {
    const target = describePostgres(this.#postgres);
    return withDeadline(
      work,
      patience,
      () => new RedisopsError("POSTGRES_TIMEOUT", `${target} did not answer before the deadline`, { target }),
    );
  }

  async #abandon(): Promise<void> {
    this.#abandoned = true;
    await this.#disconnect();
  }

  /** One that Postgres does not take is made up for by the next one, or by the end. */
  #beat(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#beating = this.#update()
      .catch(() => undefined)
      .finally(() => {
        this.#waiting = false;
      });
  }

  #update(more?: string, values: readonly unknown[] = []): Promise<void> {
    const set = [
      "heartbeat_at = clock_timestamp()",
      "done = $2",
      "total = $3",
      "paused = $4",
      ...(more ? [more] : []),
    ];
    return this.#work(async ({ client }) => {
      await client.query(`UPDATE ${this.#table} SET ${set.join(", ")} WHERE run = $1`, [
        this.#run,
        this.#progress?.done ?? null,
        this.#progress?.total ?? null,
        this.#paused && !this.#ended && more === undefined,
        ...values,
      ]);
    });
  }

  /** Works on the connection, which is a new one after any failure. */
  async #work(work: (connection: PostgresConnection) => Promise<void>): Promise<void> {
    const connection = this.#connection ?? (await connectPostgres(this.#postgres, timeouts));
    this.#connection = connection;
    try {
      if (this.#abandoned) throw new RedisopsError("POSTGRES_TIMEOUT", "nobody waits any more");
      await work(connection);
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

const unseen: Announcement = {
  progress: () => undefined,
  paused: () => undefined,
  end: async () => undefined,
};

/**
 * Makes a run visible: boards, annotations and alerts show it, and a run that dies without a word counts as failed
 * {@link runLeaseSeconds} after its last heartbeat. Never rejects and never waits for long: where Postgres cannot take
 * the row, `onProblem` gets one sentence, and the run goes on unseen.
 */
export async function announce(
  postgres: PostgresConfig | undefined,
  announced: AnnouncedRun,
  onProblem: (problem: string) => void,
): Promise<Announcement> {
  const invisible = (why: string) => onProblem(`others cannot see this run: ${why}`);
  if (postgres === undefined) {
    onProblem("others cannot see this run, nor its lock: redisops.yaml has no postgres, where both would be");
    return unseen;
  }
  const row = new RunRow(postgres, announced.run ?? newRunId(announced.name), onProblem);
  try {
    await row.start(announced);
    return row;
  } catch (error) {
    invisible(`${messageOf(error)} (docs/recovery-runs.md)`);
    return unseen;
  }
}
