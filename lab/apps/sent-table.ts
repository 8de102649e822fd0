import type { RowWriter } from "./batched-rows.ts";

/** A notification that was sent. */
interface SentRow {
  readonly id: string;
  readonly atMs: number;
}

/** What was sent: the source from which the filter is rebuilt. */
export const sentTable: RowWriter<SentRow> = {
  insert: `INSERT INTO notifications (id, sent_at)
    SELECT id, to_timestamp(ms / 1000.0) FROM unnest($1::text[], $2::float8[]) AS sent (id, ms)
    ON CONFLICT (id) DO NOTHING`,
  values: (rows) => [rows.map(({ id }) => id), rows.map(({ atMs }) => atMs)],
};
