import type { FileHandle } from "node:fs/promises";
import type { Client } from "pg";
import { messageOf, RedisopsError } from "../errors.ts";
import { quoteName } from "../postgres/connect.ts";
import type { PreferenceTables } from "../preferences/schema.ts";
import type { Exposure } from "./exposure.ts";
import { type ExposureBatch, openSegment, readSegment, segmentPaths } from "./segments.ts";

/** Someone who was notified although they had opted out. */
export interface UnwantedNotification {
  /** When the worker decided to send, in ISO 8601. */
  readonly at: string;
  readonly user_id: string;
  readonly channel: string;
  readonly notification_id: string;
  /** When the opt-out that was in force then was made; null when that is not on record. */
  readonly opted_out_at: string | null;
}

/** What was looked through. */
export interface AuditTotals {
  /** Exposures in the table. */
  readonly in_table: number;
  /** Exposures in local folders that are not in the table yet. */
  readonly in_folders: number;
  /** Lines of local folders that could not be read. */
  readonly damaged_lines: number;
}

/** Takes a page of what was found; the next one is read when it has settled. */
export type TakeNotifications = (notifications: readonly UnwantedNotification[]) => Promise<void> | void;

/** What to look through. */
export interface AuditOptions {
  readonly tables: PreferenceTables;
  /** Exposures from this moment on, in milliseconds since 1970. */
  readonly since: number;
  /** Exposures before this moment, in milliseconds since 1970; all when left out. */
  readonly until?: number;
  /** Folders with exposures that may not have reached the table. */
  readonly folders: readonly string[];
}

interface JudgedExposure {
  readonly at: number;
  readonly user_id: string;
  readonly channel: string;
  readonly notification_id: string;
  readonly against: boolean | null;
  readonly opted_out_at: number | null;
  /** The place of the row in the order of the table; empty for one of a folder. */
  readonly exposed_at: string;
}

/** Milliseconds since 1970; the end does not belong to it. */
interface Span {
  readonly since: number;
  readonly until: number;
}

/** A moment after all others that Postgres and JavaScript both have. */
const latest = Date.parse("9999-12-31T00:00:00Z");

/** Rows of a page; bounds memory, and the work of one statement. */
const pageRows = 5_000;

/** Exposures `e` with what their user had chosen at that time: the latest change before it, or what the next one replaced. */
function judged(tables: PreferenceTables, exposures: string): string {
  const changes = quoteName(tables.changes_table);
  const same = "c.user_id = e.user_id AND c.channel = e.channel";
  return `
    SELECT (extract(epoch FROM e.exposed_at) * 1000)::float8 AS at, e.exposed_at::text, e.user_id, e.channel,
      e.notification_id,
      CASE WHEN earlier.changed_at IS NOT NULL THEN earlier.opted_out
        WHEN later.changed_at IS NOT NULL THEN later.was_opted_out
        ELSE p.opted_out AND p.changed_at <= e.exposed_at END AS against,
      (extract(epoch FROM CASE WHEN earlier.changed_at IS NOT NULL THEN earlier.changed_at
        WHEN later.changed_at IS NULL THEN p.changed_at END) * 1000)::float8 AS opted_out_at
    FROM (${exposures}) AS e
    LEFT JOIN LATERAL (
      SELECT c.changed_at, c.opted_out FROM ${changes} AS c WHERE ${same} AND c.changed_at <= e.exposed_at
      ORDER BY c.changed_at DESC, c.id DESC LIMIT 1) AS earlier ON true
    LEFT JOIN LATERAL (
      SELECT c.changed_at, c.was_opted_out FROM ${changes} AS c WHERE ${same} AND c.changed_at > e.exposed_at
      ORDER BY c.changed_at, c.id LIMIT 1) AS later ON earlier.changed_at IS NULL
    LEFT JOIN ${quoteName(tables.table)} AS p ON p.user_id = e.user_id AND p.channel = e.channel
    ORDER BY e.exposed_at, e.notification_id, e.channel, e.user_id`;
}

/**
 * Finds who was notified although they had opted out: hands each of them to `found`, page by page, each once. Local
 * exposures come first, then those of the table. Rejects with Postgres's error, a RedisopsError where ids are not text, or
 * EXPOSURES_UNAVAILABLE.
 */
export async function auditExposures(
  client: Client,
  { tables, since, until, folders }: AuditOptions,
  found: TakeNotifications,
): Promise<AuditTotals> {
  const span = { since, until: until ?? latest };
  // Opened before the snapshot is taken: what is moved to the table meanwhile is then in either the one or the other.
  const segments = await openFolders(folders);
  try {
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    // Takes the snapshot.
    await refuseOtherTypes(client, tables);
    let inFolders = 0;
    let damagedLines = 0;
    const seen = new Set<string>();
    for (const segment of segments) {
      for await (const { exposures, damaged } of batchesOf(segment)) {
        damagedLines += damaged;
        const rows = await judgeLocal(client, tables, span, exposures);
        inFolders += rows.length;
        await found(
          rows
            .filter(({ against }) => against)
            .filter(onlyOnce(seen))
            .map(present),
        );
      }
    }
    return {
      in_table: await judgeTable(client, tables, span, found),
      in_folders: inFolders,
      damaged_lines: damagedLines,
    };
  } finally {
    await Promise.all(segments.map(({ file }) => file.close()));
    await client.query("ROLLBACK").catch(() => undefined);
  }
}

/** Ids are compared as text; a cast of the column would keep its index from being used. Rejects with POSTGRES_ERROR. */
async function refuseOtherTypes(client: Client, tables: PreferenceTables): Promise<void> {
  const names = [tables.table, tables.changes_table, tables.exposures_table].map(quoteName);
  const { rows } = await client.query<{ place: string; type: string }>(
    `SELECT named.name || '.' || a.attname AS place, t.typname::text AS type
     FROM unnest($1::text[]) AS named (name)
     JOIN pg_catalog.pg_attribute AS a ON a.attrelid = to_regclass(named.name) AND NOT a.attisdropped
     JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
     WHERE a.attname IN ('user_id', 'channel', 'notification_id') AND t.typcategory <> 'S'`,
    [names],
  );
  const [first] = rows;
  if (first === undefined) return;
  const message = `The audit compares ids as text, and ${first.place} is of type ${first.type}`;
  throw new RedisopsError("POSTGRES_ERROR", message, {
    next: "Name a view with the column cast to text under postgres.tables.preferences, with an index on that expression.",
  });
}

/** A file of recorded exposures, and its folder for messages. */
interface OpenSegment {
  readonly file: FileHandle;
  readonly folder: string;
}

function unavailable(folder: string, error: unknown): RedisopsError {
  const message = `Cannot read the exposures in ${folder}: ${messageOf(error)}`;
  return new RedisopsError("EXPOSURES_UNAVAILABLE", message, { target: folder, cause: error });
}

async function openFolders(folders: readonly string[]): Promise<OpenSegment[]> {
  const segments: OpenSegment[] = [];
  for (const folder of folders) {
    try {
      for (const path of await segmentPaths(folder)) {
        const file = await openSegment(path);
        if (file !== undefined) segments.push({ file, folder });
      }
    } catch (error) {
      await Promise.all(segments.map(({ file }) => file.close()));
      throw unavailable(folder, error);
    }
  }
  return segments;
}

async function* batchesOf({ file, folder }: OpenSegment): AsyncGenerator<ExposureBatch> {
  const batches = readSegment(file);
  for (;;) {
    const next = await batches.next().catch((error: unknown) => {
      throw unavailable(folder, error);
    });
    if (next.done === true) return;
    yield next.value;
  }
}

async function judgeLocal(
  client: Client,
  tables: PreferenceTables,
  { since, until }: Span,
  exposures: readonly Exposure[],
): Promise<JudgedExposure[]> {
  const local = `
    SELECT l.notification_id, l.channel, l.user_id, to_timestamp(l.at / 1000.0) AS exposed_at
    FROM unnest($1::text[], $2::text[], $3::text[], $4::float8[]) AS l (notification_id, channel, user_id, at)
    WHERE l.at >= $5 AND l.at < $6 AND NOT EXISTS (
      SELECT 1 FROM ${quoteName(tables.exposures_table)} AS t
      WHERE t.notification_id = l.notification_id AND t.channel = l.channel AND t.user_id = l.user_id)`;
  const { rows } = await client.query<JudgedExposure>(judged(tables, local), [
    exposures.map(({ notificationId }) => notificationId),
    exposures.map(({ channel }) => channel),
    exposures.map(({ userId }) => userId),
    exposures.map(({ at }) => at),
    since,
    until,
  ]);
  return rows;
}

async function judgeTable(
  client: Client,
  tables: PreferenceTables,
  { since, until }: Span,
  found: TakeNotifications,
): Promise<number> {
  const page = `
    SELECT * FROM ${quoteName(tables.exposures_table)}
    WHERE (exposed_at, notification_id, channel, user_id) > ($1::timestamptz, $2, $3, $4)
      AND exposed_at < to_timestamp($5::float8 / 1000)
    ORDER BY exposed_at, notification_id, channel, user_id LIMIT ${pageRows}`;
  // No id is empty, so nothing of that very moment is left out.
  let after = [new Date(since).toISOString(), "", "", ""];
  for (let count = 0; ; ) {
    const { rows } = await client.query<JudgedExposure>(judged(tables, page), [...after, until]);
    count += rows.length;
    await found(rows.filter(({ against }) => against).map(present));
    const last = rows.at(-1);
    if (last === undefined || rows.length < pageRows) return count;
    after = [last.exposed_at, last.notification_id, last.channel, last.user_id];
  }
}

/** Keys kept to find repetitions within folders; beyond them one could be listed twice. */
const maxSeen = 1_000_000;

/** A notification that was decided twice is in a folder twice; the table's key sees to it there. */
function onlyOnce(seen: Set<string>): (exposure: JudgedExposure) => boolean {
  return ({ notification_id, channel, user_id }) => {
    const key = JSON.stringify([notification_id, channel, user_id]);
    if (seen.has(key)) return false;
    if (seen.size < maxSeen) seen.add(key);
    return true;
  };
}

function present(row: JudgedExposure): UnwantedNotification {
  const { at, user_id, channel, notification_id, opted_out_at: optedOutAt } = row;
  return {
    at: new Date(at).toISOString(),
    user_id,
    channel,
    notification_id,
    opted_out_at: optedOutAt === null ? null : new Date(optedOutAt).toISOString(),
  };
}
