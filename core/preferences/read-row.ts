import { quoteName } from "../postgres/connect.ts";
import type { CachedPreferences } from "./cache-entry.ts";

interface PreferencesRow {
  readonly as_of: string;
  readonly read_at: number;
  readonly opted_out: readonly string[];
}

/** The statement that reads one user's choices, by primary key; its only parameter is the user's id. */
export function readPreferencesQuery(table: string): string {
  return `
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS as_of, extract(epoch FROM now())::float8 AS read_at,
      ARRAY(SELECT channel::text FROM ${quoteName(table)} WHERE user_id = $1 AND opted_out) AS opted_out`;
}

/** What {@link readPreferencesQuery} answered. */
export function preferencesOf(row: PreferencesRow | undefined): CachedPreferences {
  return {
    asOf: Number(row?.as_of ?? 0),
    readAt: Math.floor(row?.read_at ?? 0),
    optedOut: row?.opted_out ?? [],
  };
}
