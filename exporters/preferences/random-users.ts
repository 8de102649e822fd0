import type { Client } from "pg";
import type { PreferencesConfig } from "../../core/config/postgres-section.ts";
import { quoteName } from "../../core/postgres/connect.ts";

/** Places of rows that are tried for random users. */
const places = 800;
/** Rows of a page that are tried at most; a preference takes some 60 bytes of 8 KiB. */
const rowsOfPage = 100;
/** Users that are read to measure. */
const maxRandomUsers = 200;

/**
 * Draws up to 200 users that have preferences, from random places of the table: 800 places at most, whatever its size.
 * Where the table has no places of its own (a view, a partitioned table) they are the users of its first rows.
 */
export async function randomUsers(client: Client, tables: PreferencesConfig): Promise<string[]> {
  const table = quoteName(tables.table);
  const { rows } = await client.query<{ kind: string | null; pages: number }>(
    `SELECT relkind::text AS kind,
       CASE relkind WHEN 'r' THEN (pg_relation_size(oid) / current_setting('block_size')::int)::int ELSE 0 END AS pages
     FROM pg_class WHERE oid = to_regclass($1)`,
    [table],
  );
  const { kind, pages } = rows[0] ?? { kind: null, pages: 0 };
  const drawn =
    kind === "r"
      ? await client.query<{ user_id: string }>(
          `SELECT DISTINCT user_id::text FROM ${table} WHERE ctid = ANY (ARRAY(
             SELECT format('(%s,%s)', floor(random() * $1::int)::int, 1 + floor(random() * ${rowsOfPage})::int)::tid
             FROM generate_series(1, ${places}) WHERE $1::int > 0)) LIMIT ${maxRandomUsers}`,
          [pages],
        )
      : await client.query<{ user_id: string }>(
          `SELECT DISTINCT user_id FROM (SELECT user_id::text FROM ${table} LIMIT ${places}) AS first LIMIT ${maxRandomUsers}`,
        );
  return drawn.rows.map(({ user_id: userId }) => userId);
}
