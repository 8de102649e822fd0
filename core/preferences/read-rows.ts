import type { Client } from "pg";
import { quoteName } from "../postgres/connect.ts";
import type { CachedPreferences } from "./cache-entry.ts";
import { preferencesOf } from "./read-row.ts";

interface BatchRow {
  readonly as_of: string;
  readonly read_at: number;
  readonly user_id: string | null;
  readonly opted_out: readonly string[] | null;
}

/**
 * Reads the choices of several users by primary key, in one statement and so of one snapshot, as
 * {@link readPreferencesQuery} does of one. Each user is answered, also one without a row. Rejects with Postgres's error.
 */
export async function readPreferences(
  client: Client,
  table: string,
  users: readonly string[],
): Promise<Map<string, CachedPreferences>> {
  const { rows } = await client.query<BatchRow>(
    `SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS as_of, extract(epoch FROM now())::float8 AS read_at,
       chosen.user_id, chosen.opted_out
     FROM (SELECT 1) AS always LEFT JOIN (
       SELECT user_id::text AS user_id, array_agg(channel::text) AS opted_out FROM ${quoteName(table)}
       WHERE user_id = ANY ($1) AND opted_out GROUP BY user_id
     ) AS chosen ON true`,
    [users],
  );
  const [first] = rows;
  const of = (optedOut: readonly string[]) =>
    preferencesOf(first === undefined ? undefined : { ...first, opted_out: optedOut });
  const chosen = new Map(rows.map((row) => [row.user_id, row.opted_out ?? []]));
  return new Map(users.map((user) => [user, of(chosen.get(user) ?? [])]));
}
