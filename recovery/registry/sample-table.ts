import { randomInt } from "node:crypto";
import { countPages, eventColumns, eventOf, readPages, tableNames } from "./read-pages.ts";
import type { PostgresSource } from "./registry-source.ts";
import { withPostgres } from "./replay-table.ts";
import type { SampledConnections } from "./sampled-connections.ts";

/** Pages that are looked at, and rows of each. */
const PAGES = 25;
const ROWS_OF_PAGE = 40;

/** Samples the connections of a table: those on random pages. */
export async function sampleTable(source: PostgresSource): Promise<SampledConnections> {
  const candidates = await withPostgres(source, async ({ client }) => {
    const pages = await countPages(client, source);
    const drawn = new Set(Array.from({ length: Math.min(PAGES, pages) }, () => randomInt(pages)));
    const events = [];
    for (const first of drawn) {
      const rows = await readPages(client, source, { first, end: first + 1 });
      events.push(...rows.filter(({ kind }) => kind === "connected").slice(0, ROWS_OF_PAGE));
    }
    return events;
  });
  return {
    candidates,
    stillConnected: (suspects) =>
      withPostgres(source, async ({ client }) => {
        const { table, user } = tableNames(source);
        const { rows } = await client.query(
          `SELECT ${eventColumns(source)} FROM ${table} WHERE ${user}::text = ANY($1::text[])`,
          [suspects.map(({ userId }) => userId)],
        );
        const connected = new Set(
          rows.map(eventOf).flatMap(({ kind, userId }) => (kind === "connected" ? [userId] : [])),
        );
        return suspects.map(({ userId }) => connected.has(userId));
      }),
  };
}
