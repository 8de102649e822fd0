import type { Client } from "pg";
import { quoteName } from "../../core/postgres/connect.ts";
import type { PreferencesSetup } from "./setup.ts";

/** A place in the order of activity, the latest first. */
export interface ActivityPlace {
  /** A time, or the id of a change. */
  readonly at: string;
  /** The last user of that time; null where the whole time is still to come. */
  readonly user: string | null;
}

/** Some users by their activity. */
export interface CandidatesPage {
  /** Each once, the latest first. */
  readonly users: readonly string[];
  /** Where to go on; undefined where there is nobody left. */
  readonly next: ActivityPlace | undefined;
}

interface CandidateRow {
  readonly user_id: string | null;
  readonly at: string;
}

/** What says who was active, for the reader. */
export function activitySource({ recovery, tables }: PreferencesSetup): string {
  return recovery.activity === undefined
    ? `those who changed something last, by ${tables.changes_table} (recovery.preferences.activity names no better source)`
    : `the latest in ${recovery.activity.table} by ${recovery.activity.time_column}`;
}

/** The latest activity there is; undefined where there is none, or nothing that would know. */
export async function latestActivity(
  client: Client,
  { recovery, tables }: PreferencesSetup,
  hasChanges: boolean,
): Promise<ActivityPlace | undefined> {
  const { activity } = recovery;
  if (activity === undefined && !hasChanges) return undefined;
  const text =
    activity === undefined
      ? `SELECT max(id)::text AS at FROM ${quoteName(tables.changes_table)}`
      : `SELECT max(${quoteName(activity.time_column)})::text AS at FROM ${quoteName(activity.table)}`;
  const { rows } = await client.query<{ at: string | null }>(text);
  const at = rows[0]?.at ?? undefined;
  return at === undefined ? undefined : { at, user: null };
}

/** Rows of what says who was active, up to that number: no more users than that can come of it. */
export async function activityRows(
  client: Client,
  { recovery, tables }: PreferencesSetup,
  limit: number,
): Promise<number> {
  const table = quoteName(recovery.activity?.table ?? tables.changes_table);
  const text = `SELECT count(*)::int AS rows FROM (SELECT FROM ${table} LIMIT $1) AS bounded`;
  const { rows } = await client.query<{ rows: number }>(text, [limit]);
  return rows[0]?.rows ?? 0;
}

/** The next users, from a place on; looks at so many rows. */
export async function candidatesFrom(
  client: Client,
  { recovery, tables }: PreferencesSetup,
  place: ActivityPlace,
  rowCount: number,
): Promise<CandidatesPage> {
  const { activity } = recovery;
  const limit = `LIMIT ${rowCount}`;
  let rows: readonly CandidateRow[];
  if (activity === undefined) {
    const text = `SELECT user_id::text AS user_id, id::text AS at FROM ${quoteName(tables.changes_table)}
      WHERE id ${place.user === null ? "<=" : "<"} $1::bigint ORDER BY id DESC ${limit}`;
    rows = (await client.query<CandidateRow>(text, [place.at])).rows;
  } else {
    const time = quoteName(activity.time_column);
    const user = quoteName(activity.user_column);
    const [where, values] =
      place.user === null
        ? [`${time} <= $1`, [place.at]]
        : [`(${time}, ${user}) < ($1, $2)`, [place.at, place.user]];
    const text = `SELECT ${user}::text AS user_id, ${time}::text AS at FROM ${quoteName(activity.table)}
      WHERE ${where} AND ${user} IS NOT NULL ORDER BY ${time} DESC, ${user} DESC ${limit}`;
    rows = (await client.query<CandidateRow>(text, values)).rows;
  }
  const last = rows.at(-1);
  const users = new Set(rows.flatMap(({ user_id: userId }) => userId ?? []));
  const more = last !== undefined && rows.length === rowCount;
  return { users: [...users], next: more ? { at: last.at, user: last.user_id } : undefined };
}
