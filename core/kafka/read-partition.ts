import type { Consumer } from "@platformatic/kafka";
import { RedisopsError } from "../errors.ts";
import { kafkaLibrary } from "./client-library.ts";
import type { KafkaConnection, KafkaReader } from "./connect.ts";
import { findWrapped, kafkaError } from "./kafka-error.ts";
import { BadRecordsError, type RecordBatches, type RecordVisitor, visitRecords } from "./record-batches.ts";

/** A partition and what it held when it was asked. */
export interface TopicPartition {
  readonly partition: number;
  /** The first position that is still there. */
  readonly low: number;
  /** The position after the last record of the last transaction that has ended: what a reader reaches. */
  readonly high: number;
}

/** A topic as it was when it was asked. */
export interface TopicPartitions {
  /** Another one when the topic was deleted and created anew. */
  readonly topicId: string;
  readonly partitions: readonly TopicPartition[];
}

/** A record. Its bytes are part of a larger piece of memory: copy what is to be kept. */
export interface KafkaRecord {
  readonly offset: number;
  /** When it was produced, or taken by the broker where the topic says so, in milliseconds since 1970. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

/** Which records to read. */
export interface PartitionRange {
  readonly kafka: KafkaConnection;
  readonly topic: string;
  readonly partition: number;
  /** The position to begin at. Where that is gone, reading begins at the first one that is there. */
  readonly from: number;
  /** The position to end at: the one after the last record that counts. */
  readonly to: number;
  /** Bytes of one answer, unless a single batch is larger; 256 KiB unless given. Two answers are in memory at a time. */
  readonly fetchBytes?: number;
  /** Its reason is thrown when it is aborted. */
  readonly signal?: AbortSignal;
}

/** What to read, record by record. */
export interface VisitPartitionOptions extends PartitionRange {
  /** Takes the next record. */
  readonly onRecord: RecordVisitor;
  /**
   * Told when the records before a position have been handed over. The next ones are fetched meanwhile and handed over when
   * it has settled. There may have been none: then only the position has moved.
   */
  readonly onPosition: (position: number) => Promise<void> | void;
}

/** What to read, in batches. */
export interface ReadPartitionOptions extends PartitionRange {
  /**
   * Takes the next records, without gaps in their order, and the position after them. The next ones are fetched
   * meanwhile and handed over when it has settled. A batch may be empty: then only the position has moved.
   */
  readonly onBatch: (records: readonly KafkaRecord[], position: number) => Promise<void> | void;
}

const FETCH_BYTES = 2 ** 18;
/** Longest wait of the broker for something to answer, in milliseconds. */
const MAX_WAIT_MS = 500;

/** The topic's identity and the positions of its partitions. Rejects with KAFKA_TOPIC_MISSING where there is none. */
export async function topicPartitions(kafka: KafkaConnection, topic: string): Promise<TopicPartitions> {
  const reader = kafka.openReader();
  try {
    return await reader.call(async () => {
      const metadata = await reader.consumer.metadata({ topics: [topic], autocreateTopics: false });
      const found = metadata.topics.get(topic);
      if (found === undefined) throw topicMissing(kafka, topic);
      const positions = async (timestamp: bigint): Promise<readonly (bigint | undefined)[]> => {
        const isolationLevel = kafkaLibrary().FetchIsolationLevels.READ_COMMITTED;
        const offsets = await reader.consumer.listOffsets({ topics: [topic], timestamp, isolationLevel });
        return offsets.get(topic) ?? [];
      };
      const low = await positions(kafkaLibrary().ListOffsetTimestamps.EARLIEST);
      const high = await positions(kafkaLibrary().ListOffsetTimestamps.LATEST);
      const partitions = Array.from({ length: found.partitionsCount }, (_, partition) => ({
        partition,
        low: Number(low[partition] ?? 0n),
        high: Number(high[partition] ?? 0n),
      }));
      return { topicId: found.id, partitions };
    }, 3 * kafka.timeouts.request);
  } finally {
    await reader.close();
  }
}

function topicMissing({ target }: KafkaConnection, topic: string): RedisopsError {
  return new RedisopsError("KAFKA_TOPIC_MISSING", `${target} has no topic ${topic}`, { target });
}

/**
 * Reads what is committed of a partition, from one position up to another. It ends when its own position is there: the
 * last records before it may be gone by compaction, or be transaction markers. Answers the position that was reached,
 * which is `to`, or `from` where that is beyond it.
 *
 * Rejects with a RedisopsError: KAFKA_TIMEOUT when a broker hangs, KAFKA_TOPIC_MISSING when the topic was deleted
 * meanwhile.
 */
export async function readPartition(options: ReadPartitionOptions): Promise<number> {
  let records: KafkaRecord[] = [];
  return visit(false, {
    ...options,
    onRecord: (bytes, keyStart, keyEnd, valueStart, valueEnd, offset, timestamp) => {
      const key = keyStart < 0 ? null : bytes.subarray(keyStart, keyEnd);
      const value = valueStart < 0 ? null : bytes.subarray(valueStart, valueEnd);
      records.push({ offset, timestamp, key, value });
    },
    onPosition: (position) => {
      const batch = records;
      records = [];
      return options.onBatch(batch, position);
    },
  });
}

/** The same without an object per record, which costs several times what reading it does. */
export async function visitPartition(options: VisitPartitionOptions): Promise<number> {
  return visit(true, options);
}

async function visit(reusesBytes: boolean, options: VisitPartitionOptions): Promise<number> {
  if (options.from >= options.to) return options.from;
  const reader = options.kafka.openReader({ reusesBytes });
  try {
    return await new PartitionReading(options, reader).run();
  } finally {
    await reader.close();
  }
}

type FetchResponse = Awaited<ReturnType<Consumer["fetch"]>>;

interface Fetched {
  readonly batches: RecordBatches;
  /** Where to go on when the position that was asked for is not there. */
  readonly resumeAt: number | undefined;
}

const none: RecordBatches = { bytes: Buffer.alloc(0), aborted: [] };

class PartitionReading {
  readonly #options: VisitPartitionOptions;
  readonly #reader: KafkaReader;
  #topicId = "";
  #node = -1;

  constructor(options: VisitPartitionOptions, reader: KafkaReader) {
    this.#options = options;
    this.#reader = reader;
  }

  async run(): Promise<number> {
    const { from, to, signal, onPosition } = this.#options;
    await this.#locate();
    let position = from;
    let next = this.#fetch(position);
    let silence = 0;
    while (position < to) {
      signal?.throwIfAborted();
      const answer = await next;
      signal?.throwIfAborted();
      const start = answer.resumeAt ?? position;
      const end = this.#visit(answer.batches, start);
      if (end === position) {
        // The broker has waited in vain. Where it says that the position to end at is there all the same, no record is left
        // before it.
        if (++silence >= 2 && (await this.#endpoint(kafkaLibrary().ListOffsetTimestamps.LATEST)) >= to)
          return this.#finish(to);
        next = this.#fetch(position);
        continue;
      }
      silence = 0;
      position = end;
      if (position < to) next = this.#fetch(position);
      await onPosition(position);
    }
    return position;
  }

  /** Hands over what was fetched. Answers the position after it. */
  #visit(batches: RecordBatches, from: number): number {
    const { kafka, topic, partition, to, onRecord } = this.#options;
    try {
      return Math.min(visitRecords(batches, from, to, onRecord), to);
    } catch (error) {
      if (!(error instanceof BadRecordsError)) throw error;
      const { target } = kafka;
      const message = `${target}: partition ${partition} of ${topic}, from position ${from} on: ${error.message}`;
      throw new RedisopsError("KAFKA_ERROR", message, { target, cause: error });
    }
  }

  async #finish(position: number): Promise<number> {
    await this.#options.onPosition(position);
    return position;
  }

  /** Finds the topic's identity and the partition's leader. */
  async #locate(): Promise<void> {
    const { kafka, topic, partition } = this.#options;
    const { consumer } = this.#reader;
    // So that the client keeps itself informed of the leader.
    consumer.topics.track(topic);
    const metadata = await this.#reader.call(
      () => consumer.metadata({ topics: [topic], autocreateTopics: false }),
      2 * kafka.timeouts.request,
    );
    const found = metadata.topics.get(topic);
    const leader = found?.partitions[partition]?.leader;
    if (found === undefined || leader === undefined) throw topicMissing(kafka, topic);
    this.#topicId = found.id;
    this.#node = leader;
  }

  /** Never rejects unhandled: the next answer is looked at only after the one before it was dealt with. */
  #fetch(position: number): Promise<Fetched> {
    const answer = this.#fetchNow(position);
    answer.catch(() => undefined);
    return answer;
  }

  async #fetchNow(position: number): Promise<Fetched> {
    const { kafka, partition, fetchBytes = FETCH_BYTES } = this.#options;
    try {
      const response = await this.#reader.call(
        () =>
          this.#reader.consumer
            .fetch({
              node: this.#node,
              connectionPool: this.#reader.fetches.pool,
              maxWaitTime: MAX_WAIT_MS,
              minBytes: 1,
              maxBytes: fetchBytes,
              isolationLevel: kafkaLibrary().FetchIsolationLevels.READ_COMMITTED,
              topics: [
                {
                  topicId: this.#topicId,
                  partitions: [
                    {
                      partition,
                      fetchOffset: BigInt(position),
                      partitionMaxBytes: fetchBytes,
                      currentLeaderEpoch: -1,
                      lastFetchedEpoch: -1,
                    },
                  ],
                },
              ],
            })
            .catch((error: unknown) => {
              const out = outOfRange(error);
              if (out !== undefined) return out;
              throw error;
            }),
        2 * kafka.timeouts.request,
      );
      const answer = response.responses[0]?.partitions[0];
      if (answer === undefined) return { batches: none, resumeAt: undefined };
      if (answer.errorCode === 0) {
        const bytes = this.#reader.fetches.recordsOf(answer);
        return { batches: { bytes, aborted: answer.abortedTransactions ?? [] }, resumeAt: undefined };
      }
      return {
        batches: none,
        resumeAt: this.#firstAfter(
          position,
          await this.#endpoint(kafkaLibrary().ListOffsetTimestamps.EARLIEST),
        ),
      };
    } catch (error) {
      throw kafkaError(error, kafka.target);
    }
  }

  /** Where to go on when a position is not there. */
  #firstAfter(position: number, low: number): number {
    if (low > position) return low;
    const { kafka, topic, partition } = this.#options;
    throw new RedisopsError(
      "KAFKA_ERROR",
      `${kafka.target}: partition ${partition} of ${topic} ends before position ${position}`,
      { target: kafka.target, next: "The topic has lost records: make a new plan." },
    );
  }

  async #endpoint(timestamp: bigint): Promise<number> {
    const { kafka, topic, partition } = this.#options;
    const isolationLevel = kafkaLibrary().FetchIsolationLevels.READ_COMMITTED;
    const partitions = { [topic]: [partition] };
    const offsets = await this.#reader.call(
      () => this.#reader.consumer.listOffsets({ topics: [topic], partitions, timestamp, isolationLevel }),
      2 * kafka.timeouts.request,
    );
    return Number(offsets.get(topic)?.[partition] ?? -1n);
  }
}

/** The answer that came with an error which says no more than that the position is not there. */
function outOfRange(error: unknown): FetchResponse | undefined {
  if (findWrapped(error, "apiId", "OFFSET_OUT_OF_RANGE") === undefined) return undefined;
  const carrier = findWrapped(error, "code", kafkaLibrary().ResponseError.code);
  if (carrier === undefined || !("response" in carrier)) return undefined;
  return carrier.response as FetchResponse;
}
