import type { PendingDeliveriesConfig } from "../config/postgres-section.ts";
import { quoteName } from "../postgres/connect.ts";

/** The defaults of `postgres.tables.pending_deliveries`. */
export const defaultPendingDeliveries: PendingDeliveriesConfig = {
  table: "pending_deliveries",
  user_column: "user_id",
  created_at_column: "created_at",
};

/**
 * Statements that create the table of waiting messages where it is missing. `position` orders the messages of a user as
 * they were accepted; `attempts` counts the deliveries of the row that its connection server did not acknowledge.
 */
export function pendingDeliveriesDdl(config: PendingDeliveriesConfig = defaultPendingDeliveries): string {
  const table = quoteName(config.table);
  const user = quoteName(config.user_column);
  const createdAt = quoteName(config.created_at_column);
  const name = config.table.split(".").at(-1) ?? config.table;
  return `CREATE TABLE IF NOT EXISTS ${table} (
  message_id text,
  ${user} text,
  conversation_id text NOT NULL,
  body text NOT NULL,
  ${createdAt} timestamptz NOT NULL DEFAULT clock_timestamp(),
  position bigint GENERATED ALWAYS AS IDENTITY,
  attempts integer NOT NULL DEFAULT 0,
  PRIMARY KEY (${user}, message_id)
);
CREATE INDEX IF NOT EXISTS ${quoteName(`${name}_by_user`)} ON ${table} (${user}, position);
CREATE INDEX IF NOT EXISTS ${quoteName(`${name}_by_age`)} ON ${table} (${createdAt});`;
}

/** The statements that append, look up and drain. */
export interface PendingStatements {
  /** Parameters: message id, user, conversation, body. Changes no row when the message waits for the user already. */
  readonly append: string;
  /** Parameter: user. A row when anything waits. */
  readonly waits: string;
  /** Parameters: the user after whom to begin, bound. Users with waiting messages, in order. */
  readonly users: string;
  /** Parameters: user, bound. The user's messages that have waited longest, in order, with how many milliseconds. */
  readonly oldest: string;
  /** Parameters: user, message ids. */
  readonly remove: string;
  /** Parameters: user, message id. */
  readonly countAttempt: string;
}

/** The statements for a table. */
export function pendingStatements(config: PendingDeliveriesConfig): PendingStatements {
  const table = quoteName(config.table);
  const user = quoteName(config.user_column);
  const createdAt = quoteName(config.created_at_column);
  return {
    append: `INSERT INTO ${table} (message_id, ${user}, conversation_id, body) VALUES ($1, $2, $3, $4)
             ON CONFLICT (${user}, message_id) DO NOTHING`,
    waits: `SELECT 1 FROM ${table} WHERE ${user} = $1 LIMIT 1`,
    // One index probe for each user, however many messages wait for them.
    users: `WITH RECURSIVE waiting (name) AS (
              (SELECT ${user} FROM ${table} WHERE ${user} > $1 ORDER BY ${user} LIMIT 1)
              UNION ALL
              SELECT (SELECT ${user} FROM ${table} WHERE ${user} > waiting.name ORDER BY ${user} LIMIT 1)
              FROM waiting WHERE waiting.name IS NOT NULL
            ) SELECT name FROM waiting WHERE name IS NOT NULL LIMIT $2`,
    // By Postgres's clock alone, which has written both.
    oldest: `SELECT message_id, conversation_id, body,
                    (extract(epoch FROM clock_timestamp() - ${createdAt}) * 1000)::float8 AS waited_ms
             FROM ${table}
             WHERE ${user} = $1 ORDER BY position LIMIT $2`,
    remove: `DELETE FROM ${table} WHERE ${user} = $1 AND message_id = ANY($2)`,
    countAttempt: `UPDATE ${table} SET attempts = attempts + 1 WHERE ${user} = $1 AND message_id = $2`,
  };
}
