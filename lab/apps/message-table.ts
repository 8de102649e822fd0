import type { RowWriter } from "./batched-rows.ts";

/** An accepted message. */
interface MessageRow {
  readonly conversationId: string;
  /** Its place in the conversation, as the library writes it. */
  readonly order: string;
  readonly atMs: number;
}

/** The messages by conversation: what the sequence counters are held against. */
export const messageTable: RowWriter<MessageRow> = {
  insert: `INSERT INTO messages (conversation_id, message_id, created_at)
    SELECT conversation, id, to_timestamp(ms / 1000.0)
    FROM unnest($1::text[], $2::text[], $3::float8[]) AS accepted (conversation, id, ms)`,
  values: (rows) => [
    rows.map(({ conversationId }) => conversationId),
    rows.map(({ order }) => order),
    rows.map(({ atMs }) => atMs),
  ],
};
