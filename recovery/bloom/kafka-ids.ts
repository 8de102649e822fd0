import { connectKafka, describeKafka, type KafkaConnection } from "../../core/kafka/connect.ts";
import {
  type KafkaRecord,
  readPartition,
  type TopicPartitions,
  topicPartitions,
} from "../../core/kafka/read-partition.ts";
import type { Pin } from "../recovery.ts";
import type { KafkaSource } from "./bloom-config.ts";
import type { IdHandlers, IdSource, PartRange, SourceSize } from "./id-source.ts";
import type { Part } from "./part.ts";

/** Where a rebuild begins and where it ends, of one partition. */
interface Span {
  readonly partition: number;
  /** The first record of the window. */
  readonly from: number;
  /** The position after the last committed record at the beginning. */
  readonly high: number;
}

/** Records of a part, about: some seconds of work, which a killed run loses. */
const recordsPerPart = 2_000_000;
/** Places in the topic where ids are drawn for a sample. */
const samplePlaces = 12;

/** The id that a record holds, as bytes; undefined where it has none. */
function recordId(record: KafkaRecord, field: string): Buffer | undefined {
  if (field === "key") return record.key ?? undefined;
  if (record.value === null) return undefined;
  if (field === "value") return record.value;
  try {
    const document: unknown = JSON.parse(record.value.toString("utf8"));
    if (typeof document !== "object" || document === null) return undefined;
    const id: unknown = Object.hasOwn(document, field) ? Reflect.get(document, field) : undefined;
    return typeof id === "string" || typeof id === "number" ? Buffer.from(String(id)) : undefined;
  } catch {
    return undefined;
  }
}

/** The topic of sent notifications. */
export class KafkaIds implements IdSource<readonly Span[]> {
  readonly name = "kafka";
  readonly title: string;
  readonly #source: KafkaSource;
  readonly #kafka: KafkaConnection;
  readonly #window: number;
  #without = 0;

  /** Connects to nothing yet; the window is in milliseconds. */
  constructor(source: KafkaSource, window: number) {
    this.#source = source;
    this.#kafka = connectKafka(source.kafka);
    this.#window = window;
    this.title = `Kafka ${source.topic.topic}, ${source.topic.id}`;
  }

  /** Records read so far that have no id. */
  get withoutId(): number {
    return this.#without;
  }

  async size(): Promise<SourceSize> {
    const ids = (await this.begin()).reduce((sum, { from, high }) => sum + high - from, 0);
    return { ids, exact: false, repeats: true };
  }

  async notes() {
    const { topic } = this.#source.topic;
    return {
      facts: [],
      risks: [
        `${describeKafka(this.#source.kafka)} keeps ${topic} for its retention time only: ids that were sent before are not read`,
      ],
    };
  }

  async pins(): Promise<Pin[]> {
    const { topic } = this.#source.topic;
    const { topicId, partitions } = await this.#partitions();
    const of = "source" as const;
    return [
      { of, label: `topic ${topic} of Kafka`, value: topicId },
      ...partitions.map(({ partition, high }) => ({
        of,
        label: `end of partition ${partition} of ${topic}`,
        value: high,
      })),
    ];
  }

  async begin(): Promise<readonly Span[]> {
    const { partitions } = await this.#partitions();
    const first = await this.#firstSince(Date.now() - this.#window);
    return partitions.map(({ partition, low, high }) => ({
      partition,
      from: Math.min(high, Math.max(low, first[partition] ?? high)),
      high,
    }));
  }

  async parts(spans: readonly Span[], wanted: number | undefined): Promise<readonly PartRange[]> {
    return spans.flatMap(({ partition, from, high }): PartRange[] => {
      const records = high - from;
      const count = Math.min(records, wanted ?? Math.ceil(records / recordsPerPart));
      const bound = (part: number) => from + Math.floor((records * part) / count);
      return Array.from({ length: count }, (_, part) => ({
        source: "kafka",
        partition,
        from: bound(part),
        to: bound(part + 1),
      }));
    });
  }

  read(part: Part, handlers: IdHandlers, signal?: AbortSignal): Promise<number> {
    if (part.source !== "kafka") throw new Error("not a part of this source");
    return this.#read(part, handlers, signal);
  }

  async readLatest(spans: readonly Span[], handlers: IdHandlers, signal?: AbortSignal): Promise<number> {
    const { partitions } = await this.#partitions();
    let ids = 0;
    for (const { partition, low, high } of partitions) {
      const from = spans.find((span) => span.partition === partition)?.high ?? low;
      ids += await this.#read({ partition, from, to: high }, handlers, signal);
    }
    return ids;
  }

  async sample(count: number, begun?: readonly Span[]): Promise<readonly Buffer[]> {
    const spans = (begun ?? (await this.begin())).filter(({ from, high }) => high > from);
    if (spans.length === 0) return [];
    const each = Math.ceil(count / samplePlaces);
    const ids = new Map<string, Buffer>();
    for (let place = 0; place < samplePlaces; place++) {
      const span = spans[place % spans.length];
      if (span === undefined) continue;
      const from = span.from + Math.floor(Math.random() * Math.max(1, span.high - span.from - each));
      const onId = (bytes: Uint8Array, start: number, end: number) => {
        const id = Buffer.from(bytes.subarray(start, end));
        ids.set(id.toString("latin1"), id);
      };
      const to = Math.min(span.high, from + each);
      await this.#read({ partition: span.partition, from, to }, { onId, onRead: () => undefined }, undefined);
    }
    return [...ids.values()].slice(0, count);
  }

  close(): Promise<void> {
    return this.#kafka.close();
  }

  async #read(
    { partition, from, to }: { partition: number; from: number; to: number },
    { onId, onRead }: IdHandlers,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const { topic, id: field } = this.#source.topic;
    let ids = 0;
    await readPartition({
      kafka: this.#kafka,
      topic,
      partition,
      from,
      to,
      ...(signal === undefined ? {} : { signal }),
      onBatch: async (records) => {
        for (const record of records) {
          const id = recordId(record, field);
          if (id === undefined) {
            this.#without++;
            continue;
          }
          onId(id, 0, id.length);
          ids++;
        }
        await onRead(ids);
      },
    });
    return ids;
  }

  #partitions(): Promise<TopicPartitions> {
    return topicPartitions(this.#kafka, this.#source.topic.topic);
  }

  /** The first position of each partition whose record is not older than that; undefined where there is none. */
  async #firstSince(milliseconds: number): Promise<readonly (number | undefined)[]> {
    const { topic } = this.#source.topic;
    const reader = this.#kafka.openReader();
    try {
      const timestamp = BigInt(Math.max(0, Math.floor(milliseconds)));
      const offsets = await reader.call(
        () => reader.consumer.listOffsets({ topics: [topic], timestamp }),
        2 * this.#kafka.timeouts.request,
      );
      return (offsets.get(topic) ?? []).map((offset) =>
        offset === undefined || offset < 0n ? undefined : Number(offset),
      );
    } finally {
      await reader.close();
    }
  }
}
