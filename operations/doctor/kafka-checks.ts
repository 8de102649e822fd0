import type { KafkaConfig } from "../../core/config/kafka-section.ts";
import { toRedisopsError } from "../../core/errors.ts";
import { connectKafka } from "../../core/kafka/connect.ts";
import { type Check, checked, failure, requestDeadline } from "./check.ts";

/** The topics that redisops.yaml names, each with its section. */
function topicsOf(config: KafkaConfig): readonly (readonly [string, string])[] {
  const { connection_events, sent_notifications, messages } = config;
  return Object.entries({ connection_events, sent_notifications, messages }).flatMap(([name, section]) =>
    section === undefined ? [] : [[name, section.topic] as const],
  );
}

/** Whether brokers answer, and the topics are there for this user. */
export async function kafkaChecks(config: KafkaConfig): Promise<Check[]> {
  const timeouts = { connect: requestDeadline, request: requestDeadline };
  const kafka = connectKafka(config, timeouts);
  const reader = kafka.openReader();
  try {
    const { brokers } = await reader.call(
      () => reader.consumer.metadata({ topics: [] }),
      2 * requestDeadline,
    );
    const checks = [
      checked(
        "kafka.reach",
        "ok",
        `${brokers.size} broker${brokers.size === 1 ? "" : "s"} at ${config.brokers.join(", ")}`,
      ),
    ];
    for (const [section, topic] of topicsOf(config)) {
      const id = `kafka.topic.${topic}`;
      try {
        const { topics } = await reader.call(
          () => reader.consumer.metadata({ topics: [topic] }),
          2 * requestDeadline,
        );
        const partitions = topics.get(topic)?.partitionsCount ?? 0;
        checks.push(checked(id, "ok", `${partitions} partition${partitions === 1 ? "" : "s"}`));
      } catch (error) {
        const { message, code, next } = toRedisopsError(error);
        const fix =
          code === "KAFKA_TOPIC_MISSING"
            ? `kafka.${section}.topic in redisops.yaml: name a topic that is there, or leave kafka.${section} out`
            : next;
        checks.push(checked(id, "failed", message, fix));
      }
    }
    return checks;
  } catch (error) {
    return [failure("kafka.reach", error)];
  } finally {
    await reader.close();
    await kafka.close();
  }
}
