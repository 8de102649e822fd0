import type { Client } from "pg";
import type { SentNotificationsConfig } from "../../core/config/postgres-section.ts";
import { RedisopsError } from "../../core/errors.ts";
import { type PostgresConnection, quoteName } from "../../core/postgres/connect.ts";
import { postgresError } from "../../core/postgres/postgres-error.ts";
import { windowSeconds } from "../../core/postgres/sent-ids.ts";

/** Asks Postgres something; what fails is an error for the reader. */
export async function ask<T>(
  database: PostgresConnection,
  question: (client: Client) => Promise<T>,
): Promise<T> {
  try {
    return await question(database.client);
  } catch (error) {
    throw postgresError(error, database.target);
  }
}

/** Moments of a rebuild as Postgres sees them, in text that keeps their precision. */
export interface Moments {
  /** Start of the deduplication window. */
  readonly from: string;
  /** Where catching up with what is sent during the rebuild starts. */
  readonly recent: string;
}

/** Catch-up starts this long before the read, in seconds: a transaction may commit rows with an earlier time. */
const catchUpOverlap = 60;

export async function moments(client: Client, source: SentNotificationsConfig): Promise<Moments> {
  const { rows } = await client.query<{ from: string; recent: string }>(
    `SELECT (now() - make_interval(secs => $1::float8))::text AS "from",
            (now() - make_interval(secs => $2::float8))::text AS recent`,
    [windowSeconds(source), catchUpOverlap],
  );
  const row = rows[0];
  if (row === undefined) throw new RedisopsError("POSTGRES_ERROR", "Postgres did not tell the time");
  return row;
}

/** When the newest row of the table was sent, as text; "null" where no row says, undefined where there is no row. */
export async function newestRow(
  client: Client,
  source: SentNotificationsConfig,
): Promise<string | undefined> {
  const table = quoteName(source.table);
  const { rows } = await client.query<{ newest: string | null; filled: boolean }>(
    `SELECT (SELECT max(${quoteName(source.sent_at_column)}) FROM ${table})::text AS newest,
            EXISTS (SELECT 1 FROM ${table}) AS filled`,
  );
  return rows[0]?.filled === true ? (rows[0].newest ?? "null") : undefined;
}
