import type { Client } from "pg";
import type { PreferencesConfig } from "../../core/config/postgres-section.ts";
import { quoteName } from "../../core/postgres/connect.ts";
import type { ChangedUser } from "../../core/preferences/changed-users.ts";

/** Rows of a page of changes; bounds memory and the work of a statement. */
const pageRows = 5_000;

/** Postgres at a moment. */
export interface Moment {
  /** By its clock, in seconds since 1970. */
  readonly clock: number;
  /** `pg_current_snapshot()`: which transactions are visible. */
  readonly snapshot: string;
  /** The first transaction id that has not begun. */
  readonly next: number;
}

/** What Postgres is like at this moment. */
export async function momentOf(client: Client): Promise<Moment> {
  const { rows } = await client.query<Moment>(
    `SELECT extract(epoch FROM now())::float8 AS clock, pg_current_snapshot()::text AS snapshot,
       pg_snapshot_xmax(pg_current_snapshot())::text::float8 AS next`,
  );
  return rows[0] ?? { clock: 0, snapshot: "1:1:", next: 0 };
}

/** How far the table of changes reaches. */
export interface ChangesReach {
  /** The ids of the first and the last change; 0 where there is none. */
  readonly first: number;
  readonly last: number;
  /** When the first one was made, in seconds since 1970; undefined where there is none. */
  readonly firstAt: number | undefined;
}

/** Looks at both ends of the table. */
export async function changesReach(
  client: Client,
  { changes_table }: PreferencesConfig,
): Promise<ChangesReach> {
  const table = quoteName(changes_table);
  const { rows } = await client.query<{ first: number; last: number; first_at: number }>(
    `SELECT first.id::float8 AS first, extract(epoch FROM first.changed_at)::float8 AS first_at,
       (SELECT max(id) FROM ${table})::float8 AS last
     FROM (SELECT id, changed_at FROM ${table} ORDER BY id LIMIT 1) AS first`,
  );
  const [row] = rows;
  return { first: row?.first ?? 0, last: row?.last ?? 0, firstAt: row?.first_at };
}

/**
 * The id below the first change that was made at or after a moment, in seconds since 1970. Ids and times of changes are
 * given out together, row by row, so that the one finds the other by halves: some fifty look-ups by primary key at most.
 */
export async function lastIdBefore(
  client: Client,
  { changes_table }: PreferencesConfig,
  { first, last }: ChangesReach,
  moment: number,
): Promise<number> {
  const text = `
    SELECT id::float8 AS id, changed_at >= to_timestamp($2) AS later FROM ${quoteName(changes_table)}
    WHERE id >= $1::bigint ORDER BY id LIMIT 1`;
  let low = first;
  let high = last + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const { rows } = await client.query<{ id: number; later: boolean }>(text, [middle, moment]);
    const [row] = rows;
    if (row === undefined || row.later) high = middle;
    else low = row.id + 1;
  }
  return low - 1;
}

/** Which changes a page is about. */
export interface PageOf {
  /** The last id of the page before. */
  readonly after: number;
  readonly upTo: number;
  /** Only opt-outs, only everything else, or all. */
  readonly kind: "opt_outs" | "others" | "all";
  /** Changes that this snapshot does not see are told apart as `later`. */
  readonly seenBy?: string;
}

/** A user of a page. */
export interface PageUser extends ChangedUser {
  /** The newest transaction that changed something, whether the snapshot of the page saw it or not. */
  readonly latest: number;
}

/** A page of changes. */
export interface ChangesPage {
  /** The last id looked at; undefined where the changes have ended. */
  readonly last: number | undefined;
  readonly changes: number;
  /** Who changed something, once, with the newest transaction that did so, 0 where the snapshot sees none. */
  readonly users: readonly PageUser[];
}

const kinds = {
  opt_outs: "opted_out AND was_opted_out IS DISTINCT FROM true",
  others: "NOT coalesce(opted_out AND was_opted_out IS DISTINCT FROM true, false)",
  all: "true",
} as const;

/** Reads a page of changes in the order of their ids. */
export async function changesPage(
  client: Client,
  { changes_table }: PreferencesConfig,
  { after, upTo, kind, seenBy }: PageOf,
): Promise<ChangesPage> {
  const { rows } = await client.query<{
    last: number | null;
    changes: number;
    user_id: string | null;
    version: number;
    latest: number;
  }>(
    `WITH page AS MATERIALIZED (
       SELECT id, user_id::text AS user_id, version, ${kinds[kind]} AS wanted,
         $3::text IS NULL OR pg_visible_in_snapshot(version, $3::text::pg_snapshot) AS seen
       FROM ${quoteName(changes_table)} WHERE id > $1::bigint AND id <= $2::bigint ORDER BY id LIMIT ${pageRows}
     )
     SELECT whole.last, whole.changes, changed.user_id, changed.version, changed.latest
     FROM (SELECT max(id)::float8 AS last, count(*)::int AS changes FROM page) AS whole
     LEFT JOIN (
       SELECT user_id, coalesce(max(version::text::bigint) FILTER (WHERE seen), 0)::float8 AS version,
         max(version::text::bigint)::float8 AS latest
       FROM page WHERE wanted GROUP BY user_id
     ) AS changed ON true`,
    [after, upTo, seenBy ?? null],
  );
  const [first] = rows;
  return {
    last: first?.last ?? undefined,
    changes: first?.changes ?? 0,
    users: rows.flatMap(({ user_id: userId, version, latest }) =>
      userId === null ? [] : [{ userId, version, latest }],
    ),
  };
}

/** Users of so many random changes between two ids, each once. */
export async function randomChanges(
  client: Client,
  { changes_table }: PreferencesConfig,
  { after, upTo }: { readonly after: number; readonly upTo: number },
  count: number,
): Promise<ChangedUser[]> {
  const { rows } = await client.query<{ user_id: string; version: number }>(
    `SELECT user_id::text AS user_id, max(version::text::bigint)::float8 AS version FROM ${quoteName(changes_table)}
     WHERE id = ANY (ARRAY(
       SELECT $1::bigint + ceil(random() * ($2::bigint - $1::bigint))::bigint FROM generate_series(1, $3::int)))
     GROUP BY 1`,
    [after, upTo, count],
  );
  return rows.map(({ user_id: userId, version }) => ({ userId, version }));
}
