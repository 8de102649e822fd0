import type { Client } from "pg";
import type { SentNotificationsConfig } from "../config/postgres-section.ts";
import { parseDuration } from "../duration.ts";
import { quoteName } from "./connect.ts";
import { sampleByTime } from "./sample-by-time.ts";

/** Rows younger than this, in seconds, may not have reached the filter yet and are no canaries. */
export const settleSeconds = 60;

/** Length of the deduplication window in seconds. */
export function windowSeconds(source: SentNotificationsConfig): number {
  return parseDuration(source.window) / 1000;
}

/** Query for the ids sent in [from, until), both Postgres timestamps as text; all of it is quoted. */
export function sentIdsQuery(
  client: Client,
  source: SentNotificationsConfig,
  from: string,
  until?: string,
): string {
  const time = quoteName(source.sent_at_column);
  const upper = until === undefined ? "" : ` AND ${time} < ${client.escapeLiteral(until)}::timestamptz`;
  return `SELECT ${quoteName(source.id_column)}::text FROM ${quoteName(source.table)} WHERE ${time} >= ${client.escapeLiteral(from)}::timestamptz${upper}`;
}

/** The number of ids in a source, and whether it was counted or is the planner's estimate. */
export interface SourceCount {
  readonly ids: number;
  readonly exact: boolean;
}

/** Counts what a query returns, for at most `budget` milliseconds; then falls back to the planner's estimate. */
export async function countRows(client: Client, query: string, budget: number): Promise<SourceCount> {
  await client.query("BEGIN READ ONLY");
  try {
    await client.query(`SET LOCAL statement_timeout = ${Math.round(budget)}`);
    const { rows } = await client.query<{ count: string }>(
      `SELECT count(*) AS count FROM (${query}) AS source`,
    );
    return { ids: Number(rows[0]?.count), exact: true };
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "57014")) throw error;
  } finally {
    await client.query("ROLLBACK");
  }
  const { rows } = await client.query<{ "QUERY PLAN": { Plan: { "Plan Rows": number } }[] }>(
    `EXPLAIN (FORMAT JSON) ${query}`,
  );
  return { ids: rows[0]?.["QUERY PLAN"][0]?.Plan["Plan Rows"] ?? 0, exact: false };
}

/**
 * Draws up to `count` distinct ids that are known to have been sent within the window and longer ago than
 * `minAgeSeconds`, at random moments; see {@link sampleByTime}.
 */
export async function sampleSentIds(
  client: Client,
  source: SentNotificationsConfig,
  count: number,
  minAgeSeconds = settleSeconds,
): Promise<string[]> {
  const ids = await sampleByTime(client, {
    table: source.table,
    column: source.id_column,
    timeColumn: source.sent_at_column,
    maxAgeSeconds: windowSeconds(source),
    minAgeSeconds,
    count,
  });
  return [...new Set(ids)];
}
