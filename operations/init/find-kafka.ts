import type { KafkaConfig } from "../../core/config/kafka-section.ts";
import { Secret } from "../../core/config/secret.ts";
import { withDeadline } from "../../core/deadline.ts";
import { RedisopsError } from "../../core/errors.ts";
import { kafkaLibrary } from "../../core/kafka/client-library.ts";
import { describeKafka, kafkaClientOptions } from "../../core/kafka/connect.ts";
import { kafkaError } from "../../core/kafka/kafka-error.ts";
import type { Draft } from "./draft.ts";
import { answerDeadline, type InitRequest, tlsOf } from "./request.ts";

/** What a topic is called by default, and what it may be called. */
const topics = {
  connection_events: { name: "connection-events", like: /connection|presence/i },
  sent_notifications: { name: "sent-notifications", like: /sent.*notif|notif.*sent/i },
  messages: { name: "messages", like: /^(?:chat[._-])?messages?$/i },
} as const;

/** The topic for a section: of the default's name, or the only one with a name like it. */
export function topicFor(section: keyof typeof topics, names: readonly string[]): string | undefined {
  const { name, like } = topics[section];
  if (names.includes(name)) return name;
  const alike = names.filter((each) => like.test(each));
  return alike.length === 1 ? alike[0] : undefined;
}

async function listTopics(config: KafkaConfig): Promise<string[]> {
  const target = describeKafka(config);
  const { Admin } = kafkaLibrary();
  const admin = new Admin(kafkaClientOptions(config, { connect: answerDeadline, request: answerDeadline }));
  const late = () =>
    new RedisopsError("KAFKA_TIMEOUT", `${target} did not answer before the deadline`, { target });
  try {
    return await withDeadline(admin.listTopics(), 2 * answerDeadline, late);
  } catch (error) {
    throw kafkaError(error, target);
  } finally {
    await withDeadline(admin.close(), answerDeadline, late).catch(() => undefined);
  }
}

/** Finds the topics that recoveries replay, by their names, and writes them down. */
export async function findKafka(draft: Draft, request: InitRequest): Promise<void> {
  const { kafka, kafkaUsername, kafkaPassword } = request;
  const brokers =
    kafka.length > 0
      ? kafka
      : ((await request.ask?.("Kafka brokers (host:port ..., nothing where there is none)", "")) ?? "")
          .split(/[\s,]+/)
          .filter(Boolean);
  if (brokers.length === 0) return;
  request.note(`looking at Kafka at ${brokers.join(", ")}`);
  const section = {
    brokers,
    ...(kafkaUsername !== undefined && { username: kafkaUsername }),
    ...(kafkaPassword !== undefined && { password: kafkaPassword }),
    ...tlsOf("kafka", request),
  };
  try {
    const config = {
      ...section,
      mechanism: "SCRAM-SHA-512",
      ...(kafkaPassword !== undefined && { password: new Secret(kafkaPassword) }),
    };
    const names = await listTopics(config as KafkaConfig);
    draft.set("kafka", section);
    for (const name of ["connection_events", "sent_notifications", "messages"] as const) {
      const topic = topicFor(name, names);
      if (topic !== undefined) {
        draft.set(
          `kafka.${name}`,
          topic === topics[name].name ? {} : { topic },
          `The topic ${topic}, by its name: compare its records with docs/configuration.md.`,
        );
      }
    }
  } catch (error) {
    const { message, next } = kafkaError(error, describeKafka({ brokers: [...brokers] }));
    draft.todo("kafka", `${message}.`, next);
  }
}
