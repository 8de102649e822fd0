import { z } from "zod";
import { address, duration, sqlName } from "./fields.ts";
import { access } from "./redis-section.ts";

const sentNotifications = z
  .strictObject({
    table: sqlName().default("notifications").describe("Table with one row per sent notification."),
    id_column: sqlName().default("id").describe("Column with the id that the filter holds."),
    sent_at_column: sqlName()
      .default("sent_at")
      .describe("Column with the time of sending; should be indexed."),
    window: duration().default("24h").describe("How far back duplicates are detected."),
  })
  .describe("Durable record of what was sent: source of the filter's rebuild and of its canaries.");

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
  })
  .describe("Notification preferences; docs/preferences.md has the tables.");

/** The durable store behind the fallbacks. */
export const postgresSection = z
  .strictObject({
    address: address().describe("host:port of Postgres itself; PgBouncer refuses the statement timeouts."),
    database: z.string().min(1).describe("Database name."),
    user: z.string().min(1).describe("User name; docs/security.md lists the grants it needs."),
    ...access,
    tables: z
      .strictObject({
        sent_notifications: sentNotifications.optional(),
        pending_deliveries: pendingDeliveries.optional(),
        preferences: preferences.optional(),
      })
      .default({})
      .describe("Tables that redisops reads. What is left out is not probed."),
  })
  .describe("The durable store behind the fallbacks.");

export type PostgresConfig = z.output<typeof postgresSection>;
export type SentNotificationsConfig = z.output<typeof sentNotifications>;
export type PendingDeliveriesConfig = z.output<typeof pendingDeliveries>;
