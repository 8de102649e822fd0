import { Admin, compatibilityPartitioner, Producer, stringSerializers } from "@platformatic/kafka";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KafkaConfig } from "../../core/config/kafka-section.ts";
import { connectKafka, type KafkaTimeouts } from "../../core/kafka/connect.ts";
import {
  type KafkaRecord,
  readPartition,
  topicPartitions,
  visitPartition,
} from "../../core/kafka/read-partition.ts";
import { type KafkaServer, startKafka } from "../../lab/servers/kafka.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";

let workspace: Workspace;
let server: KafkaServer;
let topics = 0;

beforeAll(async () => {
  workspace = await createWorkspace("recovery-kafka");
  server = await startKafka(workspace, { settings: { "log.cleaner.backoff.ms": 100 } });
}, 11 * patience);
afterAll(() => workspace?.close());

const configOf = (port: number): KafkaConfig => ({ brokers: [`127.0.0.1:${port}`], mechanism: "PLAIN" });
const open = (timeouts?: KafkaTimeouts) => connectKafka(configOf(server.port), timeouts);

async function withProducer(
  work: (producer: Producer<string, string, string, string>) => Promise<void>,
  transactionalId?: string,
): Promise<void> {
  const producer = new Producer({
    clientId: "test",
    bootstrapBrokers: [server.brokers],
    serializers: stringSerializers,
    partitioner: compatibilityPartitioner,
    ...(transactionalId === undefined ? {} : { transactionalId, idempotent: true }),
  });
  try {
    await work(producer);
  } finally {
    await producer.close(true);
  }
}

async function newTopic(settings: Readonly<Record<string, string>> = {}, partitions = 1): Promise<string> {
  const topic = `topic-${++topics}`;
  await server.createTopic(topic, { partitions, compacted: true, settings });
  return topic;
}

async function send(topic: string, values: readonly string[], key = (value: string) => value) {
  const messages = values.map((value) => ({ topic, key: key(value), value }));
  await withProducer(async (producer) => {
    // One call makes one batch, which a broker never cuts.
    for (let start = 0; start < messages.length; start += 100) {
      await producer.send({ messages: messages.slice(start, start + 100) });
    }
  });
}

async function read(topic: string, from: number, to: number, fetchBytes?: number) {
  const kafka = open();
  const records: KafkaRecord[] = [];
  const positions: number[] = [];
  const reached = await readPartition({
    kafka,
    topic,
    partition: 0,
    from,
    to,
    ...(fetchBytes === undefined ? {} : { fetchBytes }),
    onBatch: (batch, position) => {
      records.push(...batch);
      positions.push(position);
    },
  });
  return { reached, positions, values: records.map(({ value }) => value?.toString()), records };
}

async function endOf(topic: string) {
  const { partitions } = await topicPartitions(open(), topic);
  return partitions[0] ?? { partition: 0, low: -1, high: -1 };
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => `v${n}`);

describe("reading a partition", () => {
  it("reads exactly from one position up to another, in order, however the broker cuts the batches", async () => {
    const topic = await newTopic();
    await send(topic, numbers(5_000));
    expect(await endOf(topic)).toEqual({ partition: 0, low: 0, high: 5_000 });
    const { reached, values, positions, records } = await read(topic, 1_234, 4_321, 1_000);
    expect(reached).toBe(4_321);
    expect(values).toEqual(numbers(5_000).slice(1_234, 4_321));
    expect(records.map(({ offset }) => offset)).toEqual(records.map((_, index) => 1_234 + index));
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
    expect(await read(topic, 4_321, 4_321)).toMatchObject({ reached: 4_321, values: [] });
  });

  it("tells an empty topic, and one that is not there or was created anew", async () => {
    const topic = await newTopic({}, 3);
    const { topicId, partitions } = await topicPartitions(open(), topic);
    expect(partitions).toEqual([0, 1, 2].map((partition) => ({ partition, low: 0, high: 0 })));
    await expect(topicPartitions(open(), "nowhere")).rejects.toMatchObject({
      code: "KAFKA_TOPIC_MISSING",
      target: `Kafka at ${server.brokers}`,
    });
    const admin = new Admin({ clientId: "test", bootstrapBrokers: [server.brokers] });
    await admin.deleteTopics({ topics: [topic] });
    await admin.close();
    await waitUntil(() => server.createTopic(topic).then(() => true), {
      what: "a new topic",
      deadlineMs: patience,
    });
    expect((await topicPartitions(open(), topic)).topicId).not.toBe(topicId);
  });

  it("ends behind a transaction's marker, without what was aborted or is not decided yet", async () => {
    const topic = await newTopic();
    await withProducer(async (producer) => {
      for (const [value, commit] of [
        ["kept", true],
        ["aborted", false],
      ] as const) {
        const transaction = await producer.beginTransaction();
        await transaction.send({ messages: [{ topic, key: value, value }] });
        await (commit ? transaction.commit() : transaction.abort());
      }
      const open = await producer.beginTransaction();
      await open.send({ messages: [{ topic, key: "open", value: "open" }] });
      // Two records, each with its marker; the open transaction's record is not committed.
      const { high } = await endOf(topic);
      expect(high).toBe(4);
      expect(await read(topic, 0, high)).toMatchObject({ reached: 4, values: ["kept"] });
      await open.abort();
    }, `transactions-${topic}`);
    const { high } = await endOf(topic);
    expect(high).toBe(6);
    expect(await read(topic, 5, high)).toMatchObject({ reached: 6, values: [] });
  });

  it("leaves out several aborted transactions of a producer, whose markers come with later answers", async () => {
    const topic = await newTopic();
    const kept: string[] = [];
    await withProducer(async (producer) => {
      for (let n = 0; n < 6; n++) {
        const transaction = await producer.beginTransaction();
        const commits = n % 3 === 1;
        for (let part = 0; part < 3; part++) {
          const value = `${n}-${part}-${"x".repeat(500)}`;
          if (commits) kept.push(value);
          await transaction.send({ messages: [{ topic, key: value, value }] });
        }
        await (commits ? transaction.commit() : transaction.abort());
      }
    }, `many-${topic}`);
    const { high } = await endOf(topic);
    for (const fetchBytes of [undefined, 600]) {
      expect(await read(topic, 0, high, fetchBytes)).toMatchObject({ reached: high, values: kept });
    }
  });

  it.each(["none", "gzip", "snappy", "lz4", "zstd"] as const)(
    "reads records sent with %s",
    async (compression) => {
      const topic = await newTopic({ "max.message.bytes": "4000000" });
      const large = "y".repeat(1_000_000);
      await withProducer(async (producer) => {
        const headers = { name: "of a header" };
        await producer.send({ messages: [{ topic, key: "a", value: large, headers }], compression });
        const values = numbers(200).map((value) => ({ topic, key: value, value }));
        await producer.send({ messages: values, compression });
      });
      const { values, records } = await read(topic, 0, 201);
      expect(values).toEqual([large, ...numbers(200)]);
      expect(records.map(({ key }) => key?.toString())).toEqual(["a", ...numbers(200)]);
    },
  );

  it("hands over records without objects of their own, although the memory is used again", async () => {
    const topic = await newTopic();
    await send(topic, numbers(3_000));
    const values: string[] = [];
    const reached = await visitPartition({
      kafka: open(),
      topic,
      partition: 0,
      from: 7,
      to: 2_990,
      fetchBytes: 2_000,
      onRecord: (bytes, _keyStart, _keyEnd, start, end) => values.push(bytes.toString("utf8", start, end)),
      onPosition: () => undefined,
    });
    expect(reached).toBe(2_990);
    expect(values).toEqual(numbers(3_000).slice(7, 2_990));
  });

  it("ends where it was told to although compaction has removed the last records before that", async () => {
    const topic = await newTopic({
      "segment.ms": "100",
      "min.cleanable.dirty.ratio": "0.001",
      "delete.retention.ms": "0",
    });
    const sameKey = () => "key";
    await send(topic, numbers(50), sameKey);
    const { high } = await endOf(topic);
    const removed = async () => {
      // A record that is appended rolls the segment; only rolled ones are compacted.
      await send(topic, ["newer"], sameKey);
      return (await read(topic, 0, high)).values.length === 0;
    };
    await waitUntil(removed, { what: "compaction", deadlineMs: patience, intervalMs: 200 });
    expect(await read(topic, 10, high)).toMatchObject({ reached: high, values: [] });
  });

  it("goes on with what is left where the first position is gone, and refuses one beyond the end", async () => {
    const topic = await newTopic({ "cleanup.policy": "delete" });
    await send(topic, numbers(100));
    const admin = new Admin({ clientId: "test", bootstrapBrokers: [server.brokers] });
    await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 60n }] }] });
    await admin.close();
    expect(await endOf(topic)).toMatchObject({ low: 60, high: 100 });
    expect(await read(topic, 10, 100)).toMatchObject({ reached: 100, values: numbers(100).slice(60) });
    await expect(read(topic, 150, 200)).rejects.toMatchObject({ code: "KAFKA_ERROR" });
  });

  it("stops when it is told to", async () => {
    const topic = await newTopic();
    await send(topic, numbers(1_000));
    const stop = new AbortController();
    const reading = readPartition({
      kafka: open(),
      topic,
      partition: 0,
      from: 0,
      to: 1_000,
      fetchBytes: 1_000,
      signal: stop.signal,
      onBatch: () => stop.abort(new Error("enough")),
    });
    await expect(reading).rejects.toThrow("enough");
  });

  it("tells a broker that hangs from one that is not there", async () => {
    const topic = await newTopic();
    await send(topic, ["one"]);
    const kafka = open({ connect: 500, request: 500 });
    server.pause();
    try {
      await frozen([server.pid]);
      await expect(topicPartitions(kafka, topic)).rejects.toMatchObject({ code: "KAFKA_TIMEOUT" });
      const reading = readPartition({ kafka, topic, partition: 0, from: 0, to: 1, onBatch: () => undefined });
      await expect(reading).rejects.toMatchObject({ code: "KAFKA_TIMEOUT" });
    } finally {
      server.resume();
    }
    const nobody = connectKafka(configOf(await workspace.port()), { connect: 500, request: 500 });
    await expect(topicPartitions(nobody, topic)).rejects.toMatchObject({ code: "KAFKA_UNREACHABLE" });
  });
});
