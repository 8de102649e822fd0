import type { Client } from "pg";
import type { PostgresConfig } from "../config/postgres-section.ts";
import { quoteName } from "../postgres/connect.ts";
import { defaultRunsTable } from "./table.ts";

/** The tables beside the table of runs, quoted: their names are its name with something added. */
export interface RunTables {
  /** Which run has which role. */
  readonly locks: string;
  /** The runs' journals. */
  readonly journal: string;
  /** The parts of the runs' work. */
  readonly chunks: string;
}

/** Their names on a platform. */
export function runTables({ tables }: Pick<PostgresConfig, "tables">): RunTables {
  const base = tables.runs?.table ?? defaultRunsTable;
  return {
    locks: quoteName(`${base}_locks`),
    journal: quoteName(`${base}_journal`),
    chunks: quoteName(`${base}_chunks`),
  };
}

/** Two first runs at once: the other one has created the table. */
const createdMeanwhile = new Set(["23505", "42P07", "42710"]);

/** Whether creating a table failed because somebody else was creating it. */
export function isCreatedMeanwhile(error: unknown): boolean {
  return (
    typeof error === "object" && error !== null && "code" in error && createdMeanwhile.has(String(error.code))
  );
}

const definitions: Readonly<Record<keyof RunTables, string>> = {
  // `run` is null while nobody has the role; `token` rises with each run that gets it.
  locks: `(
    role text PRIMARY KEY,
    token bigint NOT NULL,
    run text,
    host text NOT NULL,
    heartbeat_at timestamptz NOT NULL,
    max_rate float8,
    paused text
  )`,
  journal: `(
    run text NOT NULL,
    line integer NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    entry jsonb NOT NULL,
    PRIMARY KEY (run, line),
    UNIQUE (at, run, line)
  )`,
  chunks: `(
    run text NOT NULL,
    chunk text NOT NULL,
    owner text,
    heartbeat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    position jsonb,
    finished boolean NOT NULL DEFAULT false,
    PRIMARY KEY (run, chunk)
  )`,
};

/** Creates those tables that are missing. Asking first: a user who may not create any can use them all the same. */
export async function createRunTables(client: Client, tables: RunTables): Promise<void> {
  for (const [name, columns] of Object.entries(definitions) as [keyof RunTables, string][]) {
    const { rows } = await client.query<{ missing: boolean }>("SELECT to_regclass($1) IS NULL AS missing", [
      tables[name],
    ]);
    if (rows[0]?.missing !== true) continue;
    await client.query(`CREATE TABLE IF NOT EXISTS ${tables[name]} ${columns}`).catch((error: unknown) => {
      if (!isCreatedMeanwhile(error)) throw error;
    });
  }
}

/** Days for which journals and parts of runs are kept, and most rows that one deletion takes. */
const kept = "90 days";
const deletedAtOnce = 10_000;

/** Deletes what is older than 90 days of journals, a bounded number of rows. */
export function deleteOldJournals({ journal }: RunTables): string {
  return `DELETE FROM ${journal} WHERE (run, line) IN (
    SELECT run, line FROM ${journal} WHERE at < now() - interval '${kept}' ORDER BY at LIMIT ${deletedAtOnce})`;
}
