import type { SendsConfig } from "../config/postgres-section.ts";
import { RedisopsError } from "../errors.ts";
import { type PostgresConnection, quoteName } from "../postgres/connect.ts";
import { postgresError } from "../postgres/postgres-error.ts";
import { type DuplicateSpan, type DuplicateTotals, type TakeDuplicates, timeOf } from "./duplicate.ts";

/** Rows fetched at once; bounds memory. */
const pageRows = 2_000;

/**
 * Finds what has several rows in a table of sends. Postgres groups and sorts, on its disk where memory is short; the
 * result comes page by page. Rejects with CONFIG_INCOMPLETE where the table cannot have several rows of one id, and with
 * a RedisopsError for what Postgres refuses.
 */
export async function tableDuplicates(
  { client, target }: PostgresConnection,
  sends: SendsConfig,
  span: DuplicateSpan,
  take: TakeDuplicates,
): Promise<DuplicateTotals> {
  const table = quoteName(sends.table);
  const id = quoteName(sends.id_column);
  const at = quoteName(sends.sent_at_column);
  const bounds = [timeOf(span.from - span.window), timeOf(span.to)];
  const within = `${at} >= $1::timestamptz AND ${at} < $2::timestamptz`;
  try {
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    await refuseUnique({ client, target }, sends);
    const { rows: counted } = await client.query<{ examined: number }>(
      `SELECT count(*)::float8 AS examined FROM ${table} WHERE ${within}`,
      bounds,
    );
    await client.query(
      `DECLARE duplicates NO SCROLL CURSOR FOR
       SELECT ${id}::text AS notification_id, count(*)::float8 AS sends,
         (extract(epoch FROM min(${at})) * 1000)::float8 AS first_at,
         (extract(epoch FROM max(${at})) * 1000)::float8 AS last_at
       FROM ${table} WHERE ${within} AND ${id} IS NOT NULL
       GROUP BY ${id} HAVING count(*) > 1 AND max(${at}) >= $3::timestamptz
       ORDER BY min(${at}), ${id}::text COLLATE "C"`,
      [...bounds, timeOf(span.from)],
    );
    for (;;) {
      const { rows } = await client.query<{
        notification_id: string;
        sends: number;
        first_at: number;
        last_at: number;
      }>(`FETCH ${pageRows} FROM duplicates`);
      if (rows.length === 0) return { examined: counted[0]?.examined ?? 0, without_id: 0 };
      await take(
        rows.map((row) => ({ ...row, first_at: timeOf(row.first_at), last_at: timeOf(row.last_at) })),
      );
    }
  } catch (error) {
    throw postgresError(error, target);
  } finally {
    await client.query("ROLLBACK").catch(() => undefined);
  }
}

/** A table whose id is unique has no trace of a second send: nothing found would be no news. */
async function refuseUnique(
  { client, target }: Pick<PostgresConnection, "client" | "target">,
  { table, id_column }: SendsConfig,
): Promise<void> {
  const { rows } = await client.query<{ unique: boolean }>(
    `SELECT EXISTS (SELECT 1 FROM pg_index AS i JOIN pg_attribute AS a
       ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
       WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indnkeyatts = 1 AND i.indpred IS NULL
         AND a.attname = $2) AS unique`,
    [quoteName(table), id_column],
  );
  if (rows[0]?.unique !== true) return;
  throw new RedisopsError(
    "CONFIG_INCOMPLETE",
    `${target}: ${table}.${id_column} is unique, so a second send left no trace in that table`,
    {
      target,
      next: "Name a table with a row for each send under postgres.tables.sends, or the topic under kafka.sent_notifications.",
    },
  );
}
