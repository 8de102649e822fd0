import { Producer, stringSerializers } from "@platformatic/kafka";
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sequenceId, timestampId } from "../../core/sequence/message-id.ts";
import { type KafkaServer, startKafka } from "../../lab/servers/kafka.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { sequence } from "../../recovery/sequence/sequence.ts";
import { type Database, startDatabase } from "./exporter-database.ts";
import { Driven, type Saved, testRun } from "./recovery-sequence-platform.ts";

type Record = { readonly key?: string; readonly value?: string; readonly timestamp?: bigint };

let workspace: Workspace;
let database: Database;
let server: RedisServer;
let redis: Redis;
let kafka: KafkaServer;
let producer: Producer<string, string, string, string>;
let topics = 0;

beforeAll(async () => {
  workspace = await createWorkspace("recovery-sequence-kafka");
  [database, server, kafka] = await Promise.all([
    startDatabase(workspace),
    startRedis(workspace, { name: "sequence" }),
    startKafka(workspace),
  ]);
  redis = new Redis({ port: server.port, protocol: 2 });
  producer = new Producer({
    clientId: "test",
    bootstrapBrokers: [kafka.brokers],
    serializers: stringSerializers,
  });
  await database.admin.query(`
    CREATE TABLE messages (conversation_id text, message_id text, created_at timestamptz NOT NULL DEFAULT now());
    CREATE INDEX ON messages (created_at);
    CREATE INDEX ON messages (conversation_id, created_at);`);
}, 180_000);
beforeEach(async () => {
  await database.admin.query("TRUNCATE messages");
  await redis.flushall();
});
afterAll(async () => {
  redis?.disconnect();
  await producer?.close(true);
  await workspace?.close();
});

/** A topic of two partitions with these records, the second half in the second partition. */
async function topicOf(records: readonly Record[]): Promise<string> {
  const topic = `messages-${++topics}`;
  await kafka.createTopic(topic, { partitions: 2 });
  if (records.length > 0) {
    await producer.send({
      messages: records.map((record, n) => ({
        topic,
        partition: n * 2 < records.length ? 0 : 1,
        ...record,
      })),
    });
  }
  return topic;
}

function recovery(topic: string, messages: object = {}, options: object = {}) {
  return new Driven(
    sequence,
    {
      roles: { sequence: { topology: "standalone", address: `127.0.0.1:${server.port}` } },
      postgres: database.section({ tables: { messages: {} } }),
      kafka: { brokers: [kafka.brokers], messages: { topic, ...messages } },
    },
    options,
  );
}

const body = (id: string | number, more: object = {}) => JSON.stringify({ message_id: id, ...more });
const textOf = (n: number) => sequenceId(n, 1_700_000_000_000).text;

describe("recover sequence with Kafka", () => {
  it("finds a loss that Postgres does not show, and raises to the higher of the two", async () => {
    await database.admin.query("INSERT INTO messages VALUES ('a', $1), ('b', $2)", [textOf(50), textOf(60)]);
    await redis.mset({ "seq:a": "55", "seq:b": "60" });
    const topic = await topicOf([
      { key: "a", value: body(textOf(70)) },
      { key: "a", value: body(textOf(58)) },
      { key: "b", value: body(textOf(9)) },
      { key: "c", value: body("12") },
    ]);
    const driven = recovery(topic, {}, { margin: 5 });
    const plan = await driven.plan();
    expect(plan).toMatchObject({ hasChanges: true, items: 6 });
    expect(plan.facts.map(({ value }) => value)).toContain(`Kafka topic ${topic}: 4 records`);
    expect((await driven.recover()).holds).toBe(true);
    expect(await redis.mget("seq:a", "seq:b", "seq:c")).toEqual(["75", "65", "17"]);
    expect((await recovery(topic, {}, { margin: 5 }).plan()).hasChanges).toBe(false);
    expect((await sequence.pins(driven.context)).map(({ of, label }) => `${of} ${label}`)).toEqual([
      "target run id of sequence Redis",
      "source database of Postgres",
      `source id of topic ${topic}`,
      `source end of partition 0 of topic ${topic}`,
      `source end of partition 1 of topic ${topic}`,
    ]);
  });

  it("skips malformed records and says how many, and reads the fields that it is told", async () => {
    const topic = await topicOf([
      { key: "ignored", value: body(7, { room: { nested: 1 }, chat: "x" }) },
      { key: "ignored", value: body("9223372036854775807", { chat: "x" }) },
      { key: "ignored", value: body(8.5, { chat: "x" }) },
      { key: "ignored", value: body(2 ** 60, { chat: "x" }) },
      { key: "ignored", value: body(-3, { chat: "x" }) },
      { key: "ignored", value: body(3) },
      { key: "ignored", value: "{" },
      { key: "ignored", value: "null" },
      { value: body(timestampId(1_700_000_000_000, 5).text, { chat: "x" }) },
      { key: "tombstone" },
      { key: "ignored", value: body("0", { chat: "x" }) },
      { key: "ignored", value: body(4, { chat: "x", padding: "p".repeat(900_000) }) },
    ]);
    const driven = recovery(topic, { conversation: "chat" }, { margin: 1 });
    await driven.recover();
    expect(driven.warnings).toEqual([expect.stringMatching(/^8 records of Kafka had no conversation or/)]);
    expect(await redis.keys("*")).toEqual(["seq:x"]);
    expect(await redis.get("seq:x")).toBe("8");
  });

  it("reads what is younger than --since, and goes on at the position that was written down", async () => {
    const old = BigInt(Date.now() - 7_200_000);
    const topic = await topicOf([
      { key: "old", value: body(5), timestamp: old },
      { key: "new", value: body(6) },
      { key: "other", value: body(7), timestamp: old },
      { key: "last", value: body(8) },
    ]);
    const driven = recovery(topic, {}, { since: 3_600_000, margin: 1 });
    const plan = await driven.plan();
    expect(plan.details.stretches).toEqual([
      { partition: 0, from: 1, to: 2 },
      { partition: 1, from: 1, to: 2 },
    ]);
    const saved: Saved = new Map<string, unknown>([
      ["chunk postgres", { finished: true }],
      ["chunk kafka-0", { position: { next: 2 }, finished: false }],
    ]);
    await sequence.execute(driven.context, plan, testRun({ saved }));
    expect(await redis.mget("seq:old", "seq:new", "seq:other", "seq:last")).toEqual([null, null, null, "9"]);
  });

  it("says so when there is no such topic", async () => {
    await expect(recovery("nowhere").plan()).rejects.toMatchObject({ code: "KAFKA_TOPIC_MISSING" });
  });
});
