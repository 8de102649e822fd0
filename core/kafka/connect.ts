import type { BaseOptions, Consumer } from "@platformatic/kafka";
import type { KafkaConfig } from "../config/kafka-section.ts";
import { readTlsFiles } from "../config/tls-files.ts";
import { withDeadline } from "../deadline.ts";
import { RedisopsError } from "../errors.ts";
import { kafkaLibrary } from "./client-library.ts";
import { kafkaError } from "./kafka-error.ts";
import { RawFetches } from "./raw-fetch.ts";

/** How long Kafka may take, in milliseconds. */
export interface KafkaTimeouts {
  /** For a connection to a broker. */
  readonly connect: number;
  /** For the answer to one request. */
  readonly request: number;
}

/** What commands use. */
const kafkaTimeouts: KafkaTimeouts = { connect: 5_000, request: 10_000 };

/** Longest wait for an orderly goodbye, in milliseconds. */
const CLOSE_DEADLINE_MS = 500;

/** Access to Kafka; connections to brokers come about as they are needed. */
export interface KafkaConnection {
  /** Kafka and where it is configured to be, for messages. */
  readonly target: string;
  readonly timeouts: KafkaTimeouts;
  /** A client of its own, for one reader; it is in no consumer group. The caller closes it. */
  openReader(options?: ReaderOptions): KafkaReader;
  close(): Promise<void>;
}

export interface ReaderOptions {
  /** Whether the bytes of the records in one answer serve for the next one. */
  readonly reusesBytes?: boolean;
}

/** One client. */
export interface KafkaReader {
  readonly consumer: Consumer;
  readonly fetches: RawFetches;
  /** Settles like the call; rejects with a RedisopsError, at the latest when `milliseconds` are over. */
  call<T>(work: () => Promise<T>, milliseconds: number): Promise<T>;
  /** Ends its connections; does not wait for a broker that hangs. */
  close(): Promise<void>;
}

/** Kafka and where it is configured to be, such as `Kafka at kafka-1:9092`. */
export function describeKafka(config: Pick<KafkaConfig, "brokers">): string {
  return `Kafka at ${config.brokers.join(", ")}`;
}

/** Options of a client that creates no topics. Throws SECRET_UNRESOLVED. */
export function kafkaClientOptions(config: KafkaConfig, timeouts = kafkaTimeouts): BaseOptions {
  const target = describeKafka(config);
  const password = config.password?.reveal();
  return {
    clientId: "redisops",
    bootstrapBrokers: [...config.brokers],
    autocreateTopics: false,
    connectTimeout: timeouts.connect,
    requestTimeout: timeouts.request,
    timeout: timeouts.request,
    // A leader that moves is found again; a broker that is away is given about a second.
    retries: 4,
    retryDelay: 250,
    ...(config.tls === undefined
      ? {}
      : {
          tls: {
            ...readTlsFiles(config.tls, target),
            ...(config.tls.server_name === undefined ? {} : { servername: config.tls.server_name }),
          },
          // Certificates are issued to names: the broker's own unless another one is configured.
          ...(config.tls.server_name === undefined ? { tlsServerName: true } : {}),
        }),
    ...(config.username === undefined
      ? {}
      : {
          sasl: {
            mechanism: config.mechanism,
            username: config.username,
            ...(password === undefined ? {} : { password }),
          },
        }),
  };
}

/** Access to Kafka. Connects to nothing yet. Throws SECRET_UNRESOLVED. */
export function connectKafka(config: KafkaConfig, timeouts: KafkaTimeouts = kafkaTimeouts): KafkaConnection {
  const target = describeKafka(config);
  const options = kafkaClientOptions(config, timeouts);
  const readers = new Set<KafkaReader>();
  return {
    target,
    timeouts,
    openReader: ({ reusesBytes = false } = {}) => {
      const { Consumer } = kafkaLibrary();
      // The group's name is never used: nothing joins or commits.
      const consumer = new Consumer({ ...options, groupId: "redisops-recovery", maxWaitTime: 500 });
      const fetches = new RawFetches(options, reusesBytes);
      const reader: KafkaReader = {
        consumer,
        fetches,
        call: async (work, milliseconds) => {
          try {
            return await withDeadline(
              work(),
              milliseconds,
              () =>
                new RedisopsError("KAFKA_TIMEOUT", `${target} did not answer before the deadline`, {
                  target,
                }),
            );
          } catch (error) {
            throw kafkaError(error, target);
          }
        },
        close: async () => {
          readers.delete(reader);
          const closed = Promise.allSettled([fetches.pool.close(), consumer.close(true)]);
          await withDeadline(closed, CLOSE_DEADLINE_MS, () => new Error("still open")).catch(() => undefined);
        },
      };
      readers.add(reader);
      return reader;
    },
    close: async () => {
      await Promise.all([...readers].map((reader) => reader.close()));
    },
  };
}
