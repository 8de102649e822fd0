import type { KafkaConfig } from "../config/kafka-section.ts";
import type { KafkaConnection } from "../kafka/connect.ts";
import { kafkaError } from "../kafka/kafka-error.ts";
import { type KafkaRecord, topicPartitions } from "../kafka/read-partition.ts";
import { canonicalCount, highestCount, isHigher } from "./counter-scripts.ts";
import { parseMessageId } from "./message-id.ts";

export type MessagesTopic = NonNullable<KafkaConfig["messages"]>;

/** A stretch of a partition that is to be read. */
export interface PartitionStretch {
  readonly partition: number;
  readonly from: number;
  /** The position after the last record that counts. */
  readonly to: number;
}

/** A topic and what of it is to be read. */
export interface TopicStretches {
  readonly topicId: string;
  readonly stretches: readonly PartitionStretch[];
}

/**
 * What a topic holds at this moment, or what of it is younger than `since`, in milliseconds since 1970. Rejects with a
 * RedisopsError.
 */
export async function topicStretches(
  kafka: KafkaConnection,
  topic: string,
  since?: number | undefined,
): Promise<TopicStretches> {
  const { topicId, partitions } = await topicPartitions(kafka, topic);
  if (since === undefined) {
    return {
      topicId,
      stretches: partitions.map(({ partition, low, high }) => ({ partition, from: low, to: high })),
    };
  }
  const reader = kafka.openReader();
  try {
    const found = await reader.call(
      () => reader.consumer.listOffsets({ topics: [topic], timestamp: BigInt(Math.floor(since)) }),
      kafka.timeouts.request,
    );
    const offsets = found.get(topic) ?? [];
    const stretches = partitions.map(({ partition, low, high }) => {
      // Kafka answers -1 where nothing is younger.
      const offset = Number(offsets[partition] ?? -1n);
      return { partition, from: offset < 0 ? high : Math.max(low, offset), to: high };
    });
    return { topicId, stretches };
  } catch (error) {
    throw kafkaError(error, kafka.target);
  } finally {
    await reader.close();
  }
}

/**
 * The highest sequence number of each conversation among the records that were taken in, for as many as were not handed
 * on yet: what is handed on in parts is right all the same, because counters are only ever raised.
 */
export class RecordMaxima {
  /** Records from which no conversation or no sequence number could be read, ids by timestamp not among them. */
  malformed = 0;
  readonly #topic: MessagesTopic;
  readonly #limit: string;
  #maxima = new Map<string, string>();

  /** Numbers closer than `margin` to the highest that a counter can have are no sequence numbers. */
  constructor(topic: MessagesTopic, margin: number) {
    this.#topic = topic;
    this.#limit = String(highestCount - BigInt(margin));
  }

  get size(): number {
    return this.#maxima.size;
  }

  take(records: readonly KafkaRecord[]): void {
    for (const record of records) this.#takeOne(record);
  }

  /** Hands on what there is, and forgets it. */
  drain(): { conversation: string; sequence: string }[] {
    const maxima = this.#maxima;
    this.#maxima = new Map();
    return [...maxima].map(([conversation, sequence]) => ({ conversation, sequence }));
  }

  #takeOne(record: KafkaRecord): void {
    const fields = this.#topic;
    // A compacted topic marks what was deleted with records that have no value.
    if (record.value === null && record.key !== null && fields.id !== "key") return;
    const value = lazily(() => jsonOf(record.value));
    const conversation = fieldOf(record, fields.conversation, value);
    const id = fieldOf(record, fields.id, value);
    if (conversation === undefined || id === undefined) return void this.malformed++;
    const parsed = sequenceIn(id);
    if (parsed === "timestamp") return;
    if (parsed === undefined || isHigher(parsed, this.#limit)) return void this.malformed++;
    const known = this.#maxima.get(conversation);
    if (known === undefined || isHigher(parsed, known)) this.#maxima.set(conversation, parsed);
  }
}

/** The place in a message's id, as Redis writes numbers; undefined for what is no id. */
function sequenceIn(id: string): string | "timestamp" | undefined {
  if (/^\d{1,19}$/.test(id)) return /^0+$/.test(id) ? undefined : canonicalCount(id);
  const parsed = parseMessageId(id);
  if (parsed?.kind === "timestamp") return "timestamp";
  return parsed === undefined || parsed.sequence === 0 ? undefined : String(parsed.sequence);
}

function fieldOf(record: KafkaRecord, field: string, value: () => unknown): string | undefined {
  if (field === "key") return record.key?.toString("utf8");
  if (field === "value") return record.value?.toString("utf8");
  const fields = value();
  if (typeof fields !== "object" || fields === null || !Object.hasOwn(fields, field)) return undefined;
  const found: unknown = fields[field as keyof typeof fields];
  if (typeof found === "string") return found;
  // A larger number has lost its last digits in JSON already.
  return typeof found === "number" && Number.isSafeInteger(found) ? String(found) : undefined;
}

function jsonOf(value: Buffer | null): unknown {
  try {
    return JSON.parse(value?.toString("utf8") ?? "");
  } catch {
    return undefined;
  }
}

function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
