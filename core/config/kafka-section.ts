import { z } from "zod";
import { address } from "./fields.ts";
import { access } from "./redis-section.ts";

const topicName = () => z.string().regex(/^[A-Za-z0-9._-]{1,249}$/, "expected a topic's name");

const field = (what: string, standard: string) =>
  z
    .string()
    .min(1)
    .default(standard)
    .describe(`Where ${what} is: key, value, or a field's name in the value, which is JSON then.`);

const connectionEvents = z
  .strictObject({
    topic: topicName()
      .default("connection-events")
      .describe("Compacted topic; docs/registry-layout.md has the layout."),
  })
  .describe("What connection servers say of connections: a source of the registry.");

const sentNotifications = z
  .strictObject({
    topic: topicName().default("sent-notifications").describe("Topic with one record per sent notification."),
    id: field("the id that the filter holds", "key"),
  })
  .describe("What was sent: a source of the filter.");

const messages = z
  .strictObject({
    topic: topicName().default("messages").describe("Topic with one record per message."),
    conversation: field("the conversation", "key"),
    id: field(
      "the message's place in its conversation, an integer or the library's message id,",
      "message_id",
    ),
  })
  .describe("Messages, also those that Postgres does not have yet: a source of sequence counters.");

/** Kafka, from which recoveries replay. */
export const kafkaSection = z
  .strictObject({
    brokers: z.array(address()).min(1).describe("host:port of some brokers; the others are discovered."),
    username: z.string().min(1).optional().describe("User for SASL; no SASL when left out."),
    mechanism: z
      .enum(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
      .default("SCRAM-SHA-512")
      .describe("SASL mechanism."),
    ...access,
    connection_events: connectionEvents.optional(),
    sent_notifications: sentNotifications.optional(),
    messages: messages.optional(),
  })
  .describe("Kafka, from which recoveries replay.");

export type KafkaConfig = z.output<typeof kafkaSection>;
