import { setTimeout as delay } from "node:timers/promises";
import {
  type BaseOptions,
  compatibilityPartitioner,
  ProduceAcks,
  Producer,
  stringSerializers,
} from "@platformatic/kafka";
import { type Registry, register } from "prom-client";
import { withDeadline } from "../../core/deadline.ts";
import {
  type ConnectionEvent,
  connectionEventsTopic,
  formatConnectionEvent,
} from "../../core/registry/connection-event.ts";
import { Signals } from "../signals/signals.ts";
import type { ConnectionEvents } from "./connection-events.ts";
import { EventOutbox } from "./event-outbox.ts";

/** How connection events reach Kafka; `tls` and `sasl` are those of @platformatic/kafka. */
export interface KafkaConnectionEventsOptions
  extends Pick<BaseOptions, "clientId" | "bootstrapBrokers" | "tls" | "sasl"> {
  /** A compacted topic, see docs/registry-layout.md. Default `connection-events`. */
  readonly topic?: string | undefined;
  /** Users whose events may wait; beyond that the one that has waited longest is given up. Default 100,000. */
  readonly maxWaiting?: number | undefined;
  /** Milliseconds that Kafka has for a batch. Default 5,000. */
  readonly deadlineMs?: number | undefined;
  /** The prom-client registry for the signals; the default one when left out. */
  readonly metrics?: Registry | undefined;
}

/** Events in one request. */
const batchSize = 1_000;
/** Milliseconds that the first event of a batch waits for others. */
const linger = 20;
/** Milliseconds until the next attempt: doubled after each failed one. */
const firstRetry = 100;
const lastRetry = 2_000;

/**
 * Publishes connection events to a compacted Kafka topic, in the background: publishing costs a map entry, and Kafka may
 * be away for as long as it likes. Of the events of one user that wait at the same time only the last one is sent. An
 * event can arrive twice, and after an outage in another order than another server's.
 */
export class KafkaConnectionEvents implements ConnectionEvents {
  readonly #topic: string;
  readonly #deadline: number;
  readonly #outbox: EventOutbox;
  readonly #producer: Producer<string, string, string, string>;
  readonly #forget: () => void;
  readonly #closing = new AbortController();
  #sending: Promise<void> | undefined;

  constructor(options: KafkaConnectionEventsOptions) {
    this.#topic = options.topic ?? connectionEventsTopic;
    this.#deadline = options.deadlineMs ?? 5_000;
    const signals = Signals.of(options.metrics ?? register);
    const dropped = signals.counter("redisops_connection_events_dropped_total", { role: "registry" });
    this.#outbox = new EventOutbox(options.maxWaiting ?? 100_000, () => {
      dropped.pending += 1;
    });
    this.#forget = signals.gauge(
      "redisops_connection_events_waiting",
      { role: "registry" },
      () => this.#outbox.size,
    );
    this.#producer = producerOf(options, this.#deadline);
  }

  publish(event: ConnectionEvent): void {
    this.#outbox.add(event);
    if (this.#closing.signal.aborted) return;
    this.#sending ??= this.#send();
  }

  /** Waits until no event waits any more, for at most so many milliseconds. Answers whether that is so. */
  async flush(milliseconds: number): Promise<boolean> {
    const expired = new AbortController();
    const end = delay(milliseconds, undefined, { signal: expired.signal }).catch(() => undefined);
    await Promise.race([this.#sending, end]);
    expired.abort();
    return this.#outbox.size === 0;
  }

  /** Sends what waits, for at most so many milliseconds, and ends the connection. What then still waits is lost. */
  async close(milliseconds = 5_000): Promise<void> {
    await this.flush(milliseconds);
    this.#closing.abort();
    this.#forget();
    // A broker that hangs is not waited for.
    const closed = this.#producer.close(true).catch(() => undefined);
    await Promise.race([closed, delay(500, undefined, { ref: false })]);
  }

  /** Sends until nothing waits. Never rejects. */
  async #send(): Promise<void> {
    const { signal } = this.#closing;
    const pause = (milliseconds: number) =>
      delay(milliseconds, undefined, { signal, ref: false }).catch(() => undefined);
    await pause(linger);
    let retry = firstRetry;
    while (this.#outbox.size > 0 && !signal.aborted) {
      if (await this.#sendBatch()) {
        retry = firstRetry;
        continue;
      }
      await pause(retry);
      retry = Math.min(retry * 2, lastRetry);
    }
    // In the same turn as the last look at the outbox, or an event could be left behind.
    this.#sending = undefined;
  }

  async #sendBatch(): Promise<boolean> {
    const messages = this.#outbox.take(batchSize).map((event) => ({
      topic: this.#topic,
      key: event.userId,
      value: formatConnectionEvent(event),
    }));
    try {
      const sending = this.#producer.send({ messages, acks: ProduceAcks.ALL });
      await withDeadline(
        sending,
        this.#deadline,
        () => new Error("Kafka did not answer before the deadline"),
      );
      this.#outbox.delivered();
      return true;
    } catch {
      this.#outbox.failed();
      return false;
    }
  }
}

function producerOf(options: KafkaConnectionEventsOptions, deadlineMs: number) {
  const { clientId, bootstrapBrokers, tls, sasl } = options;
  return new Producer({
    clientId,
    bootstrapBrokers,
    ...(tls === undefined ? {} : { tls }),
    ...(sasl === undefined ? {} : { sasl }),
    serializers: stringSerializers,
    // The partition that Kafka's own clients choose: compaction works within a partition.
    partitioner: compatibilityPartitioner,
    retries: 0,
    timeout: deadlineMs,
    connectTimeout: deadlineMs,
    requestTimeout: deadlineMs,
  });
}
