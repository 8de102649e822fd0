import type { Client } from "pg";
import type { PendingDeliveriesConfig } from "../../core/config/postgres-section.ts";
import { RedisopsError } from "../../core/errors.ts";
import { quoteName } from "../../core/postgres/connect.ts";

/** Rows that are put back in one transaction. */
const putBackAtOnce = 500;
/** Milliseconds for which a row with another one's lock is waited for. */
const lockTimeout = 2_000;

/** Where messages are set aside, and from where. */
export interface SetAsideTables {
  readonly pending: PendingDeliveriesConfig;
  /** The table of messages that were set aside, as configured. */
  readonly aside: string;
}

const columnsOf = ({ pending }: SetAsideTables) => {
  const user = quoteName(pending.user_column);
  const createdAt = quoteName(pending.created_at_column);
  return {
    user,
    createdAt,
    all: `message_id, ${user}, conversation_id, body, ${createdAt}, position, attempts`,
  };
};

/**
 * Creates the table where it is missing. Its columns are those of the waiting rows, and all may be null: a row that could
 * not be delivered because it is odd has to fit.
 */
function createTable(tables: SetAsideTables): string {
  const { user, createdAt } = columnsOf(tables);
  return `CREATE TABLE IF NOT EXISTS ${quoteName(tables.aside)} (
    message_id text,
    ${user} text,
    conversation_id text,
    body text,
    ${createdAt} timestamptz,
    position bigint,
    attempts integer,
    reason text NOT NULL,
    set_aside_at timestamptz NOT NULL DEFAULT clock_timestamp()
  )`;
}

/** Whether the table is there, or could be created by this user. */
export async function setAsideState(client: Client, { aside }: SetAsideTables) {
  const [schema] = aside.includes(".") ? aside.split(".") : [];
  const { rows } = await client.query<{ exists: boolean; creatable: boolean | null }>(
    `SELECT to_regclass($1) IS NOT NULL AS exists,
            coalesce(has_schema_privilege(to_regnamespace(coalesce($2, quote_ident(current_schema())))::oid, 'CREATE'), false) AS creatable`,
    [quoteName(aside), schema === undefined ? null : quoteName(schema)],
  );
  return { exists: rows[0]?.exists ?? false, creatable: rows[0]?.creatable ?? false };
}

/** Creates the table if it is missing. Rejects with POSTGRES_AUTH where that is not allowed. */
export async function ensureSetAside(client: Client, tables: SetAsideTables): Promise<void> {
  const { exists, creatable } = await setAsideState(client, tables);
  if (exists) return;
  if (!creatable) throw notCreatable(tables);
  // Two processes of a run may create it at once, and one of them is then told that it is there.
  await client.query(createTable(tables)).catch(async (error: unknown) => {
    if (!(await setAsideState(client, tables)).exists) throw error;
  });
}

/** The error where the table is missing and may not be created. */
export const notCreatable = ({ aside }: SetAsideTables): RedisopsError =>
  new RedisopsError(
    "POSTGRES_AUTH",
    `The table ${aside} for messages that cannot be delivered is missing, and this user may not create it`,
    { next: "Create it, or grant CREATE on its schema; docs/recover-pending.md has the statement." },
  );

/**
 * The statement that moves rows from the one table to the other. Parameters: places, positions and reasons of the rows.
 */
export function setAsideStatement(tables: SetAsideTables): string {
  const { user, createdAt, all } = columnsOf(tables);
  return `WITH taken AS (
            DELETE FROM ${quoteName(tables.pending.table)} AS waiting
            USING unnest($1::tid[], $2::bigint[], $3::text[]) AS named (place, at, reason)
            WHERE waiting.ctid = named.place AND waiting.position IS NOT DISTINCT FROM named.at
            RETURNING waiting.message_id, waiting.${user}, waiting.conversation_id, waiting.body,
                      waiting.${createdAt}, waiting.position, waiting.attempts, named.reason)
          INSERT INTO ${quoteName(tables.aside)} (${all}, reason)
          SELECT message_id, ${user}, conversation_id, body, ${createdAt}, position, coalesce(attempts, 0) + 1, reason
          FROM taken`;
}

/**
 * Sets aside the rows that wait for nobody: no drain meets them, because it goes by recipients. Answers how many.
 */
export async function setAsideOrphans(client: Client, tables: SetAsideTables): Promise<number> {
  const { user, createdAt, all } = columnsOf(tables);
  const pending = quoteName(tables.pending.table);
  let moved = 0;
  for (;;) {
    const { rowCount } = await client.query(
      `WITH taken AS (
         DELETE FROM ${pending} WHERE ctid = ANY (ARRAY(
           SELECT ctid FROM ${pending} WHERE ${user} IS NULL LIMIT ${putBackAtOnce} FOR UPDATE SKIP LOCKED))
         RETURNING message_id, ${user}, conversation_id, body, ${createdAt}, position, attempts)
       INSERT INTO ${quoteName(tables.aside)} (${all}, reason) SELECT ${all}, 'the row names no recipient' FROM taken`,
    );
    moved += rowCount ?? 0;
    if ((rowCount ?? 0) < putBackAtOnce) return moved;
  }
}

/** Messages that are set aside, counted up to the limit, and those of them since a moment; none where there is no table. */
export async function countSetAside(
  client: Client,
  tables: SetAsideTables,
  limit: number,
  since = "-infinity",
): Promise<number> {
  if (!(await setAsideState(client, tables)).exists) return 0;
  const { rows } = await client.query<{ count: number }>(
    `SELECT count(*)::integer AS count FROM (
       SELECT FROM ${quoteName(tables.aside)} WHERE set_aside_at >= $2::timestamptz LIMIT $1) AS counted`,
    [limit, since],
  );
  return rows[0]?.count ?? 0;
}

/** What has to be done about rows that are put back. */
export interface PutBackSteps {
  /** Asked before each batch. */
  readonly pace: (rows: number) => Promise<void>;
  /** Told of each batch's recipients before others see its rows, so that routers look at the table for them from then on. */
  readonly markQueued: (users: readonly string[]) => Promise<void>;
}

/**
 * Puts back, with no attempts counted, what was set aside before a moment. A message keeps its position, so that it comes
 * before those of its recipient that still wait. Rows that the table of waiting messages cannot take, because they name no
 * recipient or have no id, conversation or body, stay. Answers how many were put back.
 */
export async function putBack(
  client: Client,
  tables: SetAsideTables,
  before: string,
  { pace, markQueued }: PutBackSteps,
): Promise<number> {
  const { user, createdAt } = columnsOf(tables);
  const aside = quoteName(tables.aside);
  const columns = `message_id, ${user}, conversation_id, body, ${createdAt}, position`;
  let moved = 0;
  await client.query(`SET lock_timeout = ${lockTimeout}`);
  for (;;) {
    await pace(putBackAtOnce);
    await client.query("BEGIN");
    let users: string[];
    try {
      const { rows } = await client.query<{ name: string }>(
        `WITH taken AS (
           DELETE FROM ${aside} WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM ${aside}
             WHERE set_aside_at < $1::timestamptz AND num_nulls(${columns}) = 0
             LIMIT ${putBackAtOnce} FOR UPDATE SKIP LOCKED))
           RETURNING ${columns}),
         back AS (
           INSERT INTO ${quoteName(tables.pending.table)} (${columns}) OVERRIDING SYSTEM VALUE
           SELECT ${columns} FROM taken ON CONFLICT DO NOTHING)
         SELECT ${user}::text AS name FROM taken`,
        [before],
      );
      users = rows.map(({ name }) => name);
      await markQueued([...new Set(users)]);
      await client.query("COMMIT");
    } catch (error) {
      await client.query("ROLLBACK").catch(() => undefined);
      throw error;
    }
    moved += users.length;
    if (users.length < putBackAtOnce) break;
  }
  await client.query("RESET lock_timeout");
  return moved;
}
