import type { Client } from "pg";
import type { PostgresConfig } from "../config/postgres-section.ts";
import { quoteName } from "../postgres/connect.ts";

/** The table's name where redisops.yaml gives none. */
export const defaultRunsTable = "redisops_runs";

/** Days for which a run that decides nothing any more is kept. */
const keptDays = 90;
/** Most rows that one deletion takes. */
const deletedAtOnce = 1_000;

/** How a run can end. */
export type RunOutcome = "succeeded" | "failed" | "interrupted";

/** The table of runs, quoted. */
export function runsTable({ tables }: Pick<PostgresConfig, "tables">): string {
  return quoteName(tables.runs?.table ?? defaultRunsTable);
}

/** Whether the table is there. Asking for a table that is not there would fill the server's log with errors. */
export async function runsTableExists(client: Client, table: string): Promise<boolean> {
  const { rows } = await client.query<{ exists: boolean }>("SELECT to_regclass($1) IS NOT NULL AS exists", [
    table,
  ]);
  return rows[0]?.exists ?? false;
}

/**
 * Creates the table of runs. `heartbeat_at` is the last sign of life, the end included; all times are the server's, so
 * that no other clock matters. `error_code` is one of core/error-codes.ts.
 */
export function createRunsTable(table: string): string {
  // Constraints rather than indexes: they come with the table or not at all, also where two create it at once.
  return `
    CREATE TABLE IF NOT EXISTS ${table} (
      run text PRIMARY KEY,
      kind text NOT NULL CHECK (kind IN ('recovery', 'drill')),
      name text NOT NULL,
      role text NOT NULL,
      state text NOT NULL CHECK (state IN ('running', 'succeeded', 'failed', 'interrupted')),
      started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      heartbeat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      ended_at timestamptz,
      done float8,
      total float8,
      paused boolean NOT NULL DEFAULT false,
      host text NOT NULL,
      error_code text,
      UNIQUE (kind, name, role, heartbeat_at, run),
      UNIQUE (heartbeat_at, run)
    )`;
}

/**
 * Deletes runs that are older than 90 days, a thousand at most. A run of a recovery stays until a later one of the same
 * recovery has succeeded or failed: until then it may be the one that decides. Both conditions are read from an index.
 */
export function deleteOldRuns(table: string): string {
  return `
    DELETE FROM ${table} WHERE run IN (
      SELECT run FROM ${table} AS old
      WHERE heartbeat_at < now() - interval '${keptDays} days' AND (kind = 'drill' OR EXISTS (
        SELECT FROM ${table} AS later
        WHERE later.kind = old.kind AND later.name = old.name AND later.role = old.role
          AND later.heartbeat_at > old.heartbeat_at AND later.state IN ('succeeded', 'failed')))
      ORDER BY heartbeat_at LIMIT ${deletedAtOnce})`;
}
