import type { Client } from "pg";
import type { PreferencesConfig } from "../config/postgres-section.ts";
import { quoteName } from "../postgres/connect.ts";

/** A user whose preferences were changed, and the newest transaction known to have done so. */
export interface ChangedUser {
  readonly userId: string;
  readonly version: number;
}

/** Where recent changes can be found. */
export type ChangesSource =
  /** The table that the triggers write. */
  | "changes_table"
  /** The preferences themselves, by an index on `changed_at`. */
  | "changed_at"
  /** Nowhere without reading the whole table. */
  | "none";

/** A change counts from this age on, in seconds: until then a worker may be about to write the entry. */
const youngest = 5;
/** Up to this age, in seconds: the usual life of an entry. */
const oldest = 3_600;
/** Users whose entries are judged. */
const maxChangedUsers = 100;

/** Which of the ways there is on this platform. Looks at the catalog only. */
export async function changesSource(client: Client, tables: PreferencesConfig): Promise<ChangesSource> {
  const { rows } = await client.query<{ changes: boolean; indexed: boolean }>(
    `SELECT to_regclass($1) IS NOT NULL AS changes,
       EXISTS (SELECT 1 FROM pg_index AS i JOIN pg_attribute AS a
               ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
               WHERE i.indrelid = to_regclass($2) AND i.indpred IS NULL AND a.attname = 'changed_at') AS indexed`,
    [quoteName(tables.changes_table), quoteName(tables.table)],
  );
  const [found] = rows;
  if (found?.changes === true) return "changes_table";
  return found?.indexed === true ? "changed_at" : "none";
}

/** Whether this is a standby, whose rows may be older than what the cache was filled from. */
export async function isStandby(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ standby: boolean }>("SELECT pg_is_in_recovery() AS standby");
  return rows[0]?.standby === true;
}

/**
 * Looks at 300 changes each from the newest one on, and from 1,000, 4,000, ... 1,024,000 ids before it: however fast changes
 * are made, some of them are old enough, and a change within the hour can be met. At most 2,100 rows by primary key.
 */
const fromChangesTable = (tables: PreferencesConfig) => `
  WITH newest AS (SELECT max(id) AS id FROM ${quoteName(tables.changes_table)}),
  drawn AS (
    SELECT user_id::text AS user_id, max(version::text::bigint) AS version
    FROM newest CROSS JOIN unnest(ARRAY[0, 1000, 4000, 16000, 64000, 256000, 1024000]) AS back
    CROSS JOIN LATERAL (
      SELECT user_id, version, changed_at FROM ${quoteName(tables.changes_table)}
      WHERE id <= newest.id - back ORDER BY id DESC LIMIT 300
    ) AS change
    WHERE changed_at BETWEEN now() - make_interval(secs => $1) AND now() - make_interval(secs => $2)
    GROUP BY 1
  )
  SELECT user_id, version::float8 AS version FROM drawn ORDER BY random() LIMIT $3::int`;

/**
 * The same by the index on `changed_at`, at most 2,000 rows. The version is the row's xmin, the 32-bit id of the transaction
 * that wrote it, made whole by the id that is next: what has been written was written before it.
 */
const fromChangedAt = (tables: PreferencesConfig) => `
  WITH recent AS (
    SELECT user_id::text AS user_id, xmin::text::bigint AS xmin FROM ${quoteName(tables.table)}
    WHERE changed_at BETWEEN now() - make_interval(secs => $1) AND now() - make_interval(secs => $2)
    ORDER BY changed_at DESC LIMIT 2000
  ), drawn AS (
    SELECT user_id, max(next - (next - xmin) % 4294967296) AS version
    FROM recent, (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next) AS current
    GROUP BY 1
  )
  SELECT user_id, version::float8 AS version FROM drawn ORDER BY random() LIMIT $3::int`;

/** Draws up to 100 users whose preferences changed between 5 s and an hour ago. */
export async function changedUsers(
  client: Client,
  tables: PreferencesConfig,
  source: Exclude<ChangesSource, "none">,
): Promise<ChangedUser[]> {
  const text = source === "changes_table" ? fromChangesTable(tables) : fromChangedAt(tables);
  const { rows } = await client.query<{ user_id: string; version: number }>(text, [
    oldest,
    youngest,
    maxChangedUsers,
  ]);
  return rows.map(({ user_id: userId, version }) => ({ userId, version }));
}
