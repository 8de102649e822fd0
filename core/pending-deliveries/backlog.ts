import type { Client } from "pg";
import type { PendingDeliveriesConfig } from "../config/postgres-section.ts";
import { quoteName } from "../postgres/connect.ts";
import { sampleByTime } from "../postgres/sample-by-time.ts";

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;
/**
 * Ages, in seconds, at which the bands begin that are sampled one by one: a backlog of some minutes is not to be lost
 * among what waits for weeks. Younger rows are about to be delivered and say nothing about the workers.
 */
const bandStarts = [minute, 10 * minute, hour, 6 * hour, day, 7 * day];
/** Waiting rows of a band whose recipients are looked up. */
const rowsPerBand = 40;
/** A band with fewer sampled rows says nothing: one person who has just come online would decide it. */
const minRows = 10;

/** Waiting rows, counted up to the limit, and since when the oldest waits, in seconds since 1970. */
export async function depthAndOldest(client: Client, table: PendingDeliveriesConfig, limit: number) {
  const name = quoteName(table.table);
  const createdAt = quoteName(table.created_at_column);
  const { rows } = await client.query<{ depth: string; oldest: number | null }>(
    `SELECT (SELECT count(*) FROM (SELECT 1 FROM ${name} LIMIT $1) AS waiting) AS depth,
            (SELECT extract(epoch FROM min(${createdAt}))::float8 FROM ${name}) AS oldest`,
    [limit],
  );
  return { depth: Number(rows[0]?.depth ?? 0), oldest: rows[0]?.oldest ?? undefined };
}

/** Recipients of sampled waiting rows, by age band. */
export async function sampleRecipients(client: Client, table: PendingDeliveriesConfig): Promise<string[][]> {
  const bands: string[][] = [];
  for (const [index, minAgeSeconds] of bandStarts.entries()) {
    const recipients = await sampleByTime(client, {
      table: table.table,
      column: table.user_column,
      timeColumn: table.created_at_column,
      minAgeSeconds,
      maxAgeSeconds: bandStarts[index + 1],
      count: rowsPerBand,
    });
    bands.push(recipients);
  }
  return bands;
}

/** Share of the rows that could be delivered now, in the band where it is highest; 0 when no band has enough rows. */
export function highestShare(
  bands: readonly (readonly string[])[],
  connected: { has(user: string): boolean },
): number {
  const shares = bands
    .filter((band) => band.length >= minRows)
    .map((band) => band.filter((user) => connected.has(user)).length / band.length);
  return Math.max(0, ...shares);
}
