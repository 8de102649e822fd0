import type { Client } from "pg";
import { quoteName } from "./connect.ts";

/** Rows to draw from a table or view at random moments of a span of time. */
export interface TimeSample {
  readonly table: string;
  /** Column whose values are returned, as text. */
  readonly column: string;
  readonly timeColumn: string;
  /** Only rows younger than this, in seconds; all when left out. */
  readonly maxAgeSeconds?: number | undefined;
  /** Only rows older than this, in seconds. */
  readonly minAgeSeconds: number;
  /** Most rows that are drawn. */
  readonly count: number;
}

/**
 * Draws the values of up to `count` distinct rows: those that come next after random moments of the span. That is even
 * over time and not over rows: a row after a quiet gap is all but certain to be drawn, yet counts once. Rows are told
 * apart by value and time, and of those that share a time the same one is drawn again and again. Twice as many moments
 * as rows are tried, because several meet the same row.
 *
 * With an index on the time column each moment costs one look-up, whatever the table's size. A look-up walks past rows that
 * nobody may see: not yet committed, or deleted and not yet vacuumed. So the moments are taken in order, and those that
 * the last row found lies beyond are skipped, as they would find it again: each such stretch is walked once, not by each
 * moment that falls into it. Measured with 300,000 uncommitted rows between two visible ones: 0.1 s, against 18 s. Without
 * the index each look-up reads the whole table.
 */
export async function sampleByTime(client: Client, sample: TimeSample): Promise<string[]> {
  const table = quoteName(sample.table);
  const time = quoteName(sample.timeColumn);
  const next = (moment: string) => `
    SELECT ${quoteName(sample.column)}::text AS value, ${time} AS time FROM ${table}
    WHERE ${time} >= ${moment} AND ${time} <= moments.latest
    ORDER BY ${time} LIMIT 1`;
  const { rows } = await client.query<{ value: string }>(
    `WITH RECURSIVE bounds AS MATERIALIZED (
       SELECT CASE WHEN $1::float8 IS NULL THEN min(${time})
                   ELSE greatest(min(${time}), now() - make_interval(secs => $1::float8)) END AS earliest,
              least(max(${time}), now() - make_interval(secs => $2::float8)) AS latest
       FROM ${table} WHERE isfinite(${time})
     ), moments AS MATERIALIZED (
       SELECT array_agg(moment ORDER BY moment) AS ordered, max(latest) AS latest
       FROM (SELECT earliest + random() * (latest - earliest) AS moment, latest
             FROM bounds, generate_series(1, 2 * $3::int)
             WHERE earliest <= latest) AS drawn
     ), found AS (
       SELECT next.value, next.time
       FROM moments CROSS JOIN LATERAL (${next("moments.ordered[1]")}) AS next
       UNION ALL
       SELECT next.value, next.time
       FROM found CROSS JOIN moments
       CROSS JOIN LATERAL (${next("moments.ordered[width_bucket(found.time, moments.ordered) + 1]")}) AS next
     )
     SELECT value FROM found WHERE value IS NOT NULL ORDER BY random() LIMIT $3::int`,
    [sample.maxAgeSeconds ?? null, sample.minAgeSeconds, sample.count],
  );
  return rows.map(({ value }) => value);
}
