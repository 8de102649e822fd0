import type { Client } from "pg";
import { quoteName } from "./connect.ts";

/** Rows to draw from a table, spread evenly over a span of time. */
export interface TimeSample {
  readonly table: string;
  /** Column whose values are returned, as text. */
  readonly column: string;
  readonly timeColumn: string;
  /** Only rows younger than this, in seconds; all when left out. */
  readonly maxAgeSeconds?: number;
  /** Only rows older than this, in seconds. */
  readonly minAgeSeconds: number;
  readonly count: number;
}

/**
 * Draws up to `count` values at random moments of the span. With an index on the time column each costs one index
 * look-up, whatever the table's size; a row may be drawn twice.
 */
export async function sampleByTime(client: Client, sample: TimeSample): Promise<string[]> {
  const table = quoteName(sample.table);
  const time = quoteName(sample.timeColumn);
  const { rows } = await client.query<{ value: string | null }>(
    `WITH bounds AS MATERIALIZED (
       SELECT CASE WHEN $1::float8 IS NULL THEN min(${time})
                   ELSE greatest(min(${time}), now() - make_interval(secs => $1::float8)) END AS earliest,
              least(max(${time}), now() - make_interval(secs => $2::float8)) AS latest
       FROM ${table}
     ), moments AS MATERIALIZED (
       SELECT earliest + random() * (latest - earliest) AS moment, latest
       FROM bounds, generate_series(1, $3::int)
       WHERE earliest <= latest
     )
     SELECT drawn.value
     FROM moments CROSS JOIN LATERAL (
       SELECT ${quoteName(sample.column)}::text AS value FROM ${table}
       WHERE ${time} >= moments.moment AND ${time} <= moments.latest
       ORDER BY ${time} LIMIT 1
     ) AS drawn`,
    [sample.maxAgeSeconds ?? null, sample.minAgeSeconds, sample.count],
  );
  return rows.flatMap(({ value }) => (value === null ? [] : [value]));
}
