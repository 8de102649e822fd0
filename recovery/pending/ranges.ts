import type { Client } from "pg";
import type { PendingDeliveriesConfig } from "../../core/config/postgres-section.ts";
import { quoteName } from "../../core/postgres/connect.ts";

/** Rows of a range: few enough that what is left at the end is shared, enough that taking one costs nothing. */
const rowsPerRange = 5_000;
const mostRanges = 64;
/** Pages of the table, 8 KiB each, whose rows are sampled. */
const sampledPages = 200;
const sampledRows = 20_000;

/** Recipients after the one and up to the other in Postgres's order; open-ended where undefined. */
export interface UserRange {
  readonly after: string | undefined;
  readonly upTo: string | undefined;
}

/** Characters of a boundary beyond those that it shares with its neighbours: enough for even ranges. */
const ownCharacters = 2;

/** How many characters two texts have in common at their beginning. */
function common(a: readonly string[], b: readonly string[]): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

/**
 * Texts that divide the recipients into ranges with about as many rows each, from a sample. They are beginnings of
 * recipients' ids and none of them whole: they become part of the plan. Whatever they are, the ranges between them
 * leave nobody out.
 */
export async function sampleBoundaries(
  client: Client,
  config: PendingDeliveriesConfig,
  waiting: number,
): Promise<string[]> {
  const ranges = Math.min(mostRanges, Math.ceil(waiting / rowsPerRange));
  if (ranges <= 1) return [];
  const table = quoteName(config.table);
  const user = quoteName(config.user_column);
  const { rows: sizes } = await client.query<{ pages: number }>(
    "SELECT (pg_relation_size(to_regclass($1)) / 8192)::float8 AS pages",
    [table],
  );
  const share = Math.min(100, (sampledPages / Math.max(1, sizes[0]?.pages ?? 1)) * 100);
  const { rows } = await client.query<{ name: string }>(
    `SELECT name FROM (SELECT ${user} AS name FROM ${table} TABLESAMPLE SYSTEM (${share}) LIMIT ${sampledRows}) AS sampled
     WHERE name IS NOT NULL ORDER BY name`,
  );
  const quantiles = Array.from({ length: ranges - 1 }, (_, n) => {
    const sampled = rows[Math.floor(((n + 1) * rows.length) / ranges)];
    return [...(sampled?.name ?? "")];
  });
  const boundaries = quantiles.map((own, n) => {
    const shared = Math.max(common(own, quantiles[n - 1] ?? []), common(own, quantiles[n + 1] ?? []));
    return own.slice(0, Math.min(shared + ownCharacters, own.length - 1)).join("");
  });
  return boundaries.filter((boundary, n) => boundary !== "" && boundary !== boundaries[n - 1]);
}

/** The ranges between boundaries. */
export function rangesOf(boundaries: readonly string[]): UserRange[] {
  return [...boundaries, undefined].map((upTo, index) => ({
    after: index === 0 ? undefined : boundaries[index - 1],
    upTo,
  }));
}
