import type { Client } from "pg";
import type { MessagesConfig } from "../config/postgres-section.ts";
import { parseMessageId } from "../sequence/message-id.ts";
import { quoteName } from "./connect.ts";
import { sampleByTime } from "./sample-by-time.ts";

/** The highest sequence number that a conversation's latest messages have. */
export interface SequenceMaximum {
  readonly conversation: string;
  readonly sequence: number;
}

/** Ages in seconds between which conversations are drawn: what was lost last is lost first, the day before shows the rest. */
const bands = [
  { minAgeSeconds: 0, maxAgeSeconds: 600 },
  { minAgeSeconds: 600, maxAgeSeconds: 86_400 },
] as const;

/** Messages of a conversation that are looked at, the latest by time. */
const latestMessages = 20;

/** The sequence number in a message's id column: an integer, or the library's id. Undefined for an id without one. */
export function sequenceOf(text: string): number | undefined {
  if (/^\d{1,19}$/.test(text)) return Number(text);
  const id = parseMessageId(text);
  return id?.kind === "sequence" ? id.sequence : undefined;
}

/**
 * Draws up to `count` conversations by recent messages, and reads the highest sequence number among the latest messages of
 * each. Conversations whose latest messages have none are left out.
 *
 * Two indexes bound the cost: one on the time for the draw, one on the conversation and the time for its latest messages.
 */
export async function sampleSequenceMaxima(
  client: Client,
  source: MessagesConfig,
  count: number,
): Promise<SequenceMaximum[]> {
  const conversations = new Set<string>();
  for (const band of bands) {
    const drawn = await sampleByTime(client, {
      table: source.table,
      column: source.conversation_column,
      timeColumn: source.created_at_column,
      count: Math.ceil(count / bands.length),
      ...band,
    });
    for (const conversation of drawn) conversations.add(conversation);
  }
  const drawn = [...conversations];
  if (drawn.length === 0) return [];
  const table = quoteName(source.table);
  const column = quoteName(source.conversation_column);
  const time = quoteName(source.created_at_column);
  // A parameter for each conversation takes the column's own type, whatever it is, so that the index serves it.
  const latest = drawn.map(
    (_, place) =>
      `(SELECT ${place} AS place, ${quoteName(source.id_column)}::text AS id FROM ${table} WHERE ${column} = $${place + 1} ORDER BY ${time} DESC LIMIT ${latestMessages})`,
  );
  const { rows } = await client.query<{ place: number; id: string | null }>(
    latest.join(" UNION ALL "),
    drawn,
  );
  const maxima = new Map<number, number>();
  for (const { place, id } of rows) {
    const sequence = id === null ? undefined : sequenceOf(id);
    if (sequence !== undefined) maxima.set(place, Math.max(sequence, maxima.get(place) ?? 0));
  }
  return [...maxima].map(([place, sequence]) => ({ conversation: drawn[place] ?? "", sequence }));
}
