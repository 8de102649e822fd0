import { z } from "zod";
import { address, positiveDuration, sqlName } from "./fields.ts";
import { access } from "./redis-section.ts";

const sentNotifications = z
  .strictObject({
    table: sqlName().default("notifications").describe("Table with one row per sent notification."),
    id_column: sqlName().default("id").describe("Column with the id that the filter holds."),
    sent_at_column: sqlName()
      .default("sent_at")
      .describe("Column with the time of sending; should be indexed."),
    window: positiveDuration().default("24h").describe("How far back duplicates are detected."),
  })
  .describe("Durable record of what was sent: source of the filter's rebuild and of its canaries.");

const sends = z
  .strictObject({
    table: sqlName().default("sends").describe("Table with one row for each time that something was sent."),
    id_column: sqlName().default("notification_id").describe("Column with the notification's id."),
    sent_at_column: sqlName()
      .default("sent_at")
      .describe("Column with the time of sending; should be indexed."),
  })
  .describe("Each single send, so that what went out twice has two rows: for redisops audit duplicates.");

const pendingDeliveries = z
  .strictObject({
    table: sqlName().default("pending_deliveries").describe("Table with the messages that wait."),
    user_column: sqlName().default("user_id").describe("Column with the recipient."),
    created_at_column: sqlName()
      .default("created_at")
      .describe("Column with the time since which the message waits; should be indexed."),
  })
  .describe("Messages that wait for their recipient.");

const preferences = z
  .strictObject({
    table: sqlName().default("preferences").describe("Table with what people have chosen, by channel."),
    changes_table: sqlName()
      .default("preference_changes")
      .describe("Table in which triggers write down every change of it."),
    exposures_table: sqlName()
      .default("preference_exposures")
      .describe(
        "Table with the notifications that were sent without knowing what their recipient had chosen.",
      ),
    reads_per_second: z
      .number()
      .positive()
      .optional()
      .describe(
        "Preference reads that Postgres serves in a second, by your own load test; measured by the exporter when left out.",
      ),
  })
  .describe("Notification preferences; docs/preferences.md has the tables.");

const messages = z
  .strictObject({
    table: sqlName().default("messages").describe("Table with one row per message."),
    conversation_column: sqlName()
      .default("conversation_id")
      .describe("Column with the conversation; should be indexed together with the time."),
    id_column: sqlName()
      .default("message_id")
      .describe(
        "Column with the message's place in its conversation: an integer, or the library's message id.",
      ),
    created_at_column: sqlName()
      .default("created_at")
      .describe("Column with the time of the message; should be indexed, also by itself."),
  })
  .describe("Durable record of messages: what their conversations' sequence counters are held against.");

const connections = z
  .strictObject({
    table: sqlName().default("connections").describe("Table with the newest connection of each user."),
    user_column: sqlName().default("user_id").describe("Column with the user; should be the primary key."),
    server_column: sqlName().default("server_id").describe("Column with the connection server."),
    connection_column: sqlName().default("connection_id").describe("Column with the connection's id."),
    connected_at_column: sqlName()
      .default("connected_at")
      .describe("Column with the time at which the connection came about."),
    disconnected_at_column: sqlName()
      .default("disconnected_at")
      .describe("Column with the time at which it ended; null while it lasts."),
  })
  .describe("Connections: a source of the registry where there is no topic of connection events.");

const runs = z
  .strictObject({
    table: sqlName()
      .default("redisops_runs")
      .describe("Table of redisops' own; the first recovery creates it where it may, see docs/security.md."),
  })
  .describe(
    "What recoveries and drills are under way and how they ended; redisops_runs unless named otherwise.",
  );

const pgbouncer = z
  .strictObject({
    address: address().describe("host:port of PgBouncer."),
    user: z.string().min(1).describe("User of its console: one of PgBouncer's stats_users is enough."),
    ...access,
    database: z
      .string()
      .min(1)
      .optional()
      .describe("Only the pools of this database count, by PgBouncer's name for it; all when left out."),
  })
  .describe("PgBouncer before Postgres, whose pools are watched.");

/** The durable store behind the fallbacks. */
export const postgresSection = z
  .strictObject({
    address: address().describe("host:port of Postgres itself; PgBouncer refuses the statement timeouts."),
    database: z.string().min(1).describe("Database name."),
    user: z.string().min(1).describe("User name; docs/security.md lists the grants it needs."),
    ...access,
    pgbouncer: pgbouncer.optional(),
    tables: z
      .strictObject({
        sent_notifications: sentNotifications.optional(),
        sends: sends.optional(),
        pending_deliveries: pendingDeliveries.optional(),
        preferences: preferences.optional(),
        messages: messages.optional(),
        connections: connections.optional(),
        runs: runs.optional(),
      })
      .default({})
      .describe("Tables that redisops reads. What is left out is not probed, but for runs."),
  })
  .describe("The durable store behind the fallbacks.");

export type PostgresConfig = z.output<typeof postgresSection>;
export type SentNotificationsConfig = z.output<typeof sentNotifications>;
export type SendsConfig = z.output<typeof sends>;
export type PendingDeliveriesConfig = z.output<typeof pendingDeliveries>;
export type MessagesConfig = z.output<typeof messages>;
export type PreferencesConfig = z.output<typeof preferences>;
export type PgBouncerConfig = z.output<typeof pgbouncer>;
