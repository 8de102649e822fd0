import type { Producer } from "@platformatic/kafka";
import type { KafkaConfig } from "../../../core/config/kafka-section.ts";
import { withDeadline } from "../../../core/deadline.ts";
import { RedisopsError } from "../../../core/errors.ts";
import { kafkaLibrary } from "../../../core/kafka/client-library.ts";
import { describeKafka, kafkaClientOptions } from "../../../core/kafka/connect.ts";
import { kafkaError } from "../../../core/kafka/kafka-error.ts";
import { type Addressed, type Delivered, type Delivery, idempotencyKey, type Outcome } from "./delivery.ts";

type StringProducer = Producer<string, string, string, string>;

const destination = "topic";
/**
 * Bytes that are sent together: below the 1 MiB that a broker takes by default, so that only a single message can be
 * too large, and is refused by itself.
 */
const requestBytes = 800_000;
/** What a record takes beside its texts, at most. */
const recordOverhead = 256;
/** Longest wait for an orderly goodbye, in milliseconds. */
const closeDeadline = 500;
/** A broker's verdict on the message itself, which no further attempt changes. */
const refusals = ["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "INVALID_RECORD", "POLICY_VIOLATION"];

const sizeOf = ({ message, serverId }: Addressed): number =>
  Buffer.byteLength(message.body) +
  2 * (Buffer.byteLength(message.userId) + Buffer.byteLength(message.messageId)) +
  Buffer.byteLength(message.conversationId) +
  serverId.length +
  recordOverhead;

/** The batch in pieces that fit a request. */
function* requests(batch: readonly Addressed[]): Generator<{ from: number; messages: readonly Addressed[] }> {
  let from = 0;
  let bytes = 0;
  for (const [index, item] of batch.entries()) {
    const size = sizeOf(item);
    if (index > from && bytes + size > requestBytes) {
      yield { from, messages: batch.slice(from, index) };
      from = index;
      bytes = 0;
    }
    bytes += size;
  }
  if (from < batch.length) yield { from, messages: batch.slice(from) };
}

/** Produces a record for each message, under the recipient's id, so that a recipient's records are in order. */
export class KafkaDelivery implements Delivery {
  readonly target: string;
  readonly single = true;
  readonly #kafka: KafkaConfig;
  readonly #topic: string;
  readonly #deadlineMs: number;
  #producer: StringProducer | undefined;

  constructor(kafka: KafkaConfig, topic: string, deadlineMs: number) {
    this.#kafka = kafka;
    this.#topic = topic;
    this.#deadlineMs = deadlineMs;
    this.target = `topic ${topic} of ${describeKafka(kafka)}`;
  }

  destinationOf(): string {
    return destination;
  }

  async reach(): Promise<void> {
    await this.#inTime((producer) => producer.metadata({ topics: [this.#topic], forceUpdate: true }));
  }

  async deliver(batch: readonly Addressed[]): Promise<Delivered> {
    const outcomes: Outcome[] = batch.map(() => "unknown");
    const stuck = new Set<string>();
    const end = performance.now() + this.#deadlineMs;
    for (const { from, messages } of requests(batch)) {
      const open = messages.filter(({ message }) => !stuck.has(message.userId));
      const outcome = open.length === 0 ? "acknowledged" : await this.#send(open, end);
      if (outcome instanceof RedisopsError) return { outcomes, failures: new Map([[destination, outcome]]) };
      for (const [index, { message }] of messages.entries()) {
        outcomes[from + index] = stuck.has(message.userId) ? "untried" : outcome;
        if (outcome !== "acknowledged") stuck.add(message.userId);
      }
    }
    return { outcomes, failures: new Map() };
  }

  async close(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    if (producer === undefined) return;
    const closed = producer.close(true).catch(() => undefined);
    await withDeadline(closed, closeDeadline, () => new Error("still open")).catch(() => undefined);
  }

  /** All of a request is acknowledged, or one message is refused, or it is not known what became of it. */
  async #send(messages: readonly Addressed[], end: number): Promise<Outcome | RedisopsError> {
    try {
      await this.#inTime(
        (producer) =>
          producer.send({
            acks: kafkaLibrary().ProduceAcks.ALL,
            messages: messages.map(({ serverId, message }) => ({
              topic: this.#topic,
              key: message.userId,
              value: message.body,
              headers: {
                "idempotency-key": idempotencyKey(message),
                "message-id": message.messageId,
                "conversation-id": message.conversationId,
                "server-id": serverId,
              },
            })),
          }),
        end - performance.now(),
      );
      return "acknowledged";
    } catch (error) {
      const failure = kafkaError(error, this.target);
      const cause = failure.cause instanceof Error ? failure.cause : undefined;
      const refusal = refusals.find((apiId) => kafkaLibrary().findErrorBy(cause, "apiId", apiId) !== null);
      if (refusal !== undefined && messages.length === 1) return { refused: `Kafka answered ${refusal}` };
      return failure;
    }
  }

  /** A producer that has failed is given up: what it would still send must not come after what is sent next. */
  async #inTime<T>(
    work: (producer: StringProducer) => Promise<T>,
    milliseconds = this.#deadlineMs,
  ): Promise<T> {
    try {
      const { Producer, stringSerializers } = kafkaLibrary();
      this.#producer ??= new Producer({
        ...kafkaClientOptions(this.#kafka, { connect: this.#deadlineMs, request: this.#deadlineMs }),
        serializers: stringSerializers,
        idempotent: true,
      });
      return await withDeadline(
        work(this.#producer),
        milliseconds,
        () =>
          new RedisopsError("KAFKA_TIMEOUT", `${this.target} did not answer before the deadline`, {
            target: this.target,
          }),
      );
    } catch (error) {
      await this.close();
      throw kafkaError(error, this.target);
    }
  }
}
