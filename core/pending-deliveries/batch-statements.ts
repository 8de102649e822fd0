import type { PendingDeliveriesConfig } from "../config/postgres-section.ts";
import { quoteName } from "../postgres/connect.ts";

/**
 * Bytes up to which a body comes along with its row: a batch of rows with bodies of any size would take any amount of
 * memory.
 */
const inlineBodyBytes = 8_192;

/**
 * A waiting row; null where the table holds null. Ids and numbers beyond 2^53 are text. What is seldom needed is null for
 * most rows, which costs nothing: the bytes of a body are told only when it did not come along.
 */
export type WaitingRow = readonly [
  userIndex: number,
  place: string,
  position: string | null,
  messageId: string | null,
  conversationId: string | null,
  body: string | null,
  bodyBytes: number | null,
  isNew: true | null,
];

/** The statements of a drain that serves many users in each transaction. */
export interface BatchStatements {
  /** Parameters: users. Those of them whose lock the transaction has got. */
  readonly lock: string;
  /**
   * Parameters: locked users, bound for each user, bound for all, a moment. {@link WaitingRow}s, each user's in order;
   * `isNew` tells those that came in after that moment.
   */
  readonly oldest: string;
  /** Parameters: places and positions of rows. Their bodies. */
  readonly bodies: string;
  /** Parameters: places and positions of rows. */
  readonly remove: string;
  /** Parameters: users and message ids of rows that are no longer where they were. */
  readonly removeById: string;
  /** Parameters: places and positions of rows. */
  readonly countAttempts: string;
}

/** What the name of a user's advisory lock begins with; docs/registry-layout.md documents it. */
export const userLockPrefix = ({ table }: PendingDeliveriesConfig): string => `redisops ${table} `;

/**
 * Users with waiting messages, in order, as the index has them. A cursor over them never comes back to rows that were
 * deleted behind it.
 */
export function usersPage(
  config: PendingDeliveriesConfig,
  bounds: { readonly after: boolean; readonly upTo: boolean },
): string {
  const table = quoteName(config.table);
  const user = quoteName(config.user_column);
  const conditions = [
    `${user} IS NOT NULL`,
    ...(bounds.after ? [`${user} > $2`] : []),
    ...(bounds.upTo ? [`${user} <= $${bounds.after ? 3 : 2}`] : []),
  ];
  return `SELECT name, count(*)::integer FROM (
            SELECT ${user} AS name FROM ${table} WHERE ${conditions.join(" AND ")} ORDER BY ${user} LIMIT $1
          ) AS page GROUP BY name ORDER BY name`;
}

/** The statements for a table. A row is named by its place and its position: either alone may be another row's by now. */
export function batchStatements(config: PendingDeliveriesConfig): BatchStatements {
  const table = quoteName(config.table);
  const user = quoteName(config.user_column);
  const createdAt = quoteName(config.created_at_column);
  const named = `unnest($1::tid[], $2::bigint[]) AS named (place, at)
             WHERE waiting.ctid = named.place AND waiting.position IS NOT DISTINCT FROM named.at`;
  return {
    lock: `SELECT name FROM unnest($1::text[]) AS wanted (name)
           WHERE pg_try_advisory_xact_lock(hashtextextended($2 || name, 0))`,
    // A statement of its own: its snapshot must be younger than the locks, or it shows what another worker has removed.
    oldest: `SELECT (wanted.turn - 1)::integer, place, at, message_id, conversation_id, body, bytes, is_new
             FROM unnest($1::text[]) WITH ORDINALITY AS wanted (name, turn)
             CROSS JOIN LATERAL (
               SELECT ctid::text AS place, position::text AS at, message_id::text AS message_id,
                      conversation_id::text AS conversation_id, attempts,
                      CASE WHEN octet_length(body) <= ${inlineBodyBytes} THEN body::text END AS body,
                      CASE WHEN octet_length(body) > ${inlineBodyBytes} THEN octet_length(body) END AS bytes,
                      CASE WHEN ${createdAt} > $4::timestamptz THEN true END AS is_new
               FROM ${table} AS own WHERE own.${user} = wanted.name ORDER BY own.position LIMIT $2
             ) AS waiting
             LIMIT $3`,
    bodies: `SELECT named.place::text, waiting.body::text FROM ${table} AS waiting, ${named}`,
    remove: `DELETE FROM ${table} AS waiting USING ${named}`,
    removeById: `DELETE FROM ${table} AS waiting USING unnest($1::text[], $2::text[]) AS named (name, id)
                 WHERE waiting.${user} = named.name AND waiting.message_id = named.id`,
    countAttempts: `UPDATE ${table} AS waiting SET attempts = coalesce(attempts, 0) + 1 FROM ${named}`,
  };
}
