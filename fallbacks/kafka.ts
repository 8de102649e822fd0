/** Connection events through Kafka, apart from the rest so that only those who use it load a Kafka client. */
export {
  KafkaConnectionEvents,
  type KafkaConnectionEventsOptions,
} from "./registry/kafka-connection-events.ts";
