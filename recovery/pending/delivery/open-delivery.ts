import type { Config } from "../../../core/config/schema.ts";
import { parseDuration } from "../../../core/duration.ts";
import { RedisopsError } from "../../../core/errors.ts";
import type { Delivery } from "./delivery.ts";
import { HttpDelivery } from "./http.ts";
import { KafkaDelivery } from "./kafka.ts";
import { StreamDelivery } from "./redis-stream.ts";

/** The configured way to hand messages over; it connects when it is used. Throws CONFIG_INCOMPLETE. */
export function openDelivery({ kafka, recovery }: Config): Delivery {
  const { delivery, delivery_deadline } = recovery.pending;
  const deadlineMs = parseDuration(delivery_deadline);
  if (delivery === undefined) {
    throw new RedisopsError(
      "CONFIG_INCOMPLETE",
      "redisops.yaml has no recovery.pending.delivery: it is not known how waiting messages are handed over",
    );
  }
  switch (delivery.kind) {
    case "http":
      return new HttpDelivery(delivery, deadlineMs);
    case "redis_stream":
      return new StreamDelivery(delivery, deadlineMs);
    case "kafka":
      if (kafka === undefined) {
        throw new RedisopsError(
          "CONFIG_INCOMPLETE",
          "redisops.yaml has no section kafka, which recovery.pending.delivery needs",
        );
      }
      return new KafkaDelivery(kafka, delivery.topic, deadlineMs);
  }
}
