import type { ErrorCodeName } from "../../core/error-codes.ts";
import { RedisopsError } from "../../core/errors.ts";
import { quoteName } from "../../core/postgres/connect.ts";
import { postgresError } from "../../core/postgres/postgres-error.ts";
import type { CachedPreferences } from "../../core/preferences/cache-entry.ts";
import { preferencesOf, readPreferencesQuery } from "../../core/preferences/read-row.ts";
import type { GuardedPostgres } from "../guard/guarded-postgres.ts";
import { type FailureReason, failed, type StoreFailure, storeFailure } from "../guard/store-failure.ts";
import type { CounterSeries } from "../signals/signals.ts";

/** A choice that a person made. */
export interface PreferenceChange {
  readonly userId: string;
  /** Such as `sms`, `email` or `push`; the application bounds which there are. */
  readonly channel: string;
  readonly optedOut: boolean;
}

/** Longest time for a change to be committed, in milliseconds: a person waits for it, not a notification. */
const writeDeadline = 2_000;

const codes: Partial<Record<FailureReason, ErrorCodeName>> = {
  refused: "POSTGRES_REFUSED",
  timeout: "POSTGRES_TIMEOUT",
  auth: "POSTGRES_AUTH",
  exhausted: "POSTGRES_CONNECTIONS_EXHAUSTED",
};

const sentences: Partial<Record<FailureReason, string>> = {
  timeout: "did not answer in time; whether the change is committed is not known",
  unreachable: "went away; whether the change is committed is not known",
  short_circuited: "has been failing, so the change was not sent",
  overloaded: "is busy with as many statements as it is allowed, so the change was not sent",
};

/** The rows that say what people have chosen. */
export class PreferenceRows {
  readonly #database: GuardedPostgres;
  readonly #target: string;
  readonly #select: string;
  readonly #upsert: string;
  readonly #refused: CounterSeries;

  /** `target` names the database in messages; `refused` counts reads that Postgres answered with an error. */
  constructor(database: GuardedPostgres, table: string, target: string, refused: CounterSeries) {
    this.#database = database;
    this.#target = target;
    this.#refused = refused;
    const name = quoteName(table);
    this.#select = readPreferencesQuery(table);
    this.#upsert = `
      INSERT INTO ${name} AS known (user_id, channel, opted_out, changed_at) VALUES ($1, $2, $3, clock_timestamp())
      ON CONFLICT (user_id, channel) DO UPDATE SET opted_out = excluded.opted_out, changed_at = excluded.changed_at
      RETURNING pg_current_xact_id()::text AS version`;
  }

  /** Reads a user's choices. The outcome is a StoreFailure when there is no answer, or one that is an error. */
  async read(userId: string): Promise<CachedPreferences | StoreFailure> {
    const result = await this.#database
      .query<{ as_of: string; read_at: number; opted_out: string[] }>(this.#select, [userId])
      .catch(() => {
        this.#refused.pending += 1;
        return storeFailure("other");
      });
    if (failed(result)) return result;
    return preferencesOf(result.rows[0]);
  }

  /** Commits a change. Answers the id of its transaction. Rejects with a RedisopsError unless it is known to be committed. */
  async write({ userId, channel, optedOut }: PreferenceChange): Promise<number> {
    const values = [userId, channel, optedOut];
    const result = await this.#database
      .query<{ version: string }>(this.#upsert, values, writeDeadline)
      .catch((error: unknown) => {
        throw postgresError(error, this.#target);
      });
    if (failed(result)) {
      const sentence = sentences[result.reason] ?? "did not take the change";
      throw new RedisopsError(codes[result.reason] ?? "POSTGRES_LOST", `${this.#target} ${sentence}`, {
        target: this.#target,
      });
    }
    return Number(result.rows[0]?.version ?? 0);
  }
}
