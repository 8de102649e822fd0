import type { KafkaConfig } from "../config/kafka-section.ts";
import type { PostgresConfig, SendsConfig } from "../config/postgres-section.ts";
import type { Config } from "../config/schema.ts";
import { RedisopsError } from "../errors.ts";

/** Where each single send is on record. */
export type SendsSource =
  | { readonly kind: "table"; readonly postgres: PostgresConfig; readonly sends: SendsConfig }
  | {
      readonly kind: "topic";
      readonly kafka: KafkaConfig;
      readonly topic: NonNullable<KafkaConfig["sent_notifications"]>;
    };

/**
 * Which record of sends is used: `postgres.tables.sends`, else the topic `kafka.sent_notifications`, else
 * `postgres.tables.sent_notifications`, where several rows can have one id; of these the first table, or the topic, where
 * one of the two is asked for. Throws CONFIG_INCOMPLETE.
 */
export function sendsSource(
  { postgres, kafka }: Pick<Config, "postgres" | "kafka">,
  kind?: SendsSource["kind"],
): SendsSource {
  const { sends, sent_notifications: sent } = postgres?.tables ?? {};
  const topic = kafka?.sent_notifications;
  const table = sends ?? (kind === "table" || topic === undefined ? sent : undefined);
  if (kind !== "topic" && postgres !== undefined && table !== undefined) {
    return { kind: "table", postgres, sends: table };
  }
  if (kind !== "table" && kafka !== undefined && topic !== undefined) return { kind: "topic", kafka, topic };
  const missing = {
    table: "postgres.tables.sends",
    topic: "kafka.sent_notifications",
    any: "neither postgres.tables.sends nor kafka.sent_notifications",
  }[kind ?? "any"];
  throw new RedisopsError(
    "CONFIG_INCOMPLETE",
    `redisops.yaml has ${kind === undefined ? missing : `no ${missing}`}: nothing says what was sent twice`,
  );
}
