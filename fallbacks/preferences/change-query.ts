import { quoteName } from "../../core/postgres/connect.ts";

/** Rows of one page of changes; bounds what a page costs in memory and time. */
export const pageRows = 10_000;

/** A row of a page of changes. A page without changes is one row that has the first two columns only. */
export interface ChangeRow {
  /** `pg_current_snapshot()` of the statement: `xmin:xmax:xip,xip,...`. */
  readonly snapshot: string;
  /** Postgres's clock, in seconds since 1970. */
  readonly clock: number;
  readonly id: string | null;
  readonly version: string | null;
  readonly user_id: string | null;
  /** Newer changes: of a transaction that was under way at the earlier snapshot. Older changes: beyond the age asked for. */
  readonly flag: boolean | null;
}

/** A place in the order of versions and, within one, of ids. */
export interface Place {
  readonly version: string;
  readonly id: string;
}

const lowest = "-1";
const highest: Place = { version: "18446744073709551615", id: "9223372036854775807" };

/** The parts of a `pg_snapshot` as text. */
function snapshotParts(snapshot: string) {
  const [xmin = "", xmax = "", xip = ""] = snapshot.split(":");
  return { xmin, xmax, underWay: xip === "" ? [] : xip.split(",") };
}

/** Where a page begins: what is new starts beyond the earlier snapshot, or among what was under way in it. */
export interface NewChangesFrom {
  readonly snapshot: string;
  readonly begun: Place;
  readonly late: Place;
}

/** The first page of what a snapshot did not see. */
export function newChangesFrom(snapshot: string): NewChangesFrom {
  return {
    snapshot,
    begun: { version: snapshotParts(snapshot).xmax, id: lowest },
    late: { version: "0", id: lowest },
  };
}

/**
 * The changes by transactions that an earlier snapshot did not see: those that it knew to be under way, and those that had
 * not begun. Only they are looked at, however long a transaction has been under way.
 */
export function newChanges(table: string, from: NewChangesFrom): { text: string; values: unknown[] } {
  const name = quoteName(table);
  const text = `
    SELECT pg_current_snapshot()::text AS snapshot, extract(epoch FROM now())::float8 AS clock,
      id::text, version::text, user_id, flag
    FROM (SELECT 1) AS always LEFT JOIN (
      (SELECT id, version, user_id, false AS flag FROM ${name}
       WHERE (version, id) > ($1::text::xid8, $2::bigint) ORDER BY version, id LIMIT ${pageRows})
      UNION ALL
      (SELECT id, version, user_id, true FROM ${name}
       WHERE version = ANY ($3::text[]::xid8[]) AND (version, id) > ($4::text::xid8, $5::bigint)
       ORDER BY version, id LIMIT ${pageRows})
    ) AS changes ON true
    ORDER BY changes.version, changes.id`;
  const { underWay } = snapshotParts(from.snapshot);
  return { text, values: [from.begun.version, from.begun.id, underWay, from.late.version, from.late.id] };
}

/** Changes from the newest on, below a place; `flag` marks those that are older than so many seconds. */
export function latestChanges(
  table: string,
  ageSeconds: number,
  below: Place = highest,
): { text: string; values: unknown[] } {
  const text = `
    SELECT pg_current_snapshot()::text AS snapshot, extract(epoch FROM now())::float8 AS clock,
      id::text, version::text, user_id, flag
    FROM (SELECT 1) AS always LEFT JOIN (
      SELECT id, version, user_id, changed_at < now() - $3 * interval '1 second' AS flag
      FROM ${quoteName(table)}
      WHERE (version, id) < ($1::text::xid8, $2::bigint) ORDER BY version DESC, id DESC LIMIT ${pageRows}
    ) AS changes ON true
    ORDER BY changes.version DESC, changes.id DESC`;
  return { text, values: [below.version, below.id, ageSeconds] };
}

/** The first transaction id that had not begun at a snapshot. */
export function snapshotEnd(snapshot: string): number {
  return Number(snapshotParts(snapshot).xmax);
}
