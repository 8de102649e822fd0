import { Consumer, stringDeserializers } from "@platformatic/kafka";
import { Registry } from "prom-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ConnectionEvent, parseConnectionEvent } from "../../core/registry/connection-event.ts";
import {
  KafkaConnectionEvents,
  type KafkaConnectionEventsOptions,
} from "../../fallbacks/registry/kafka-connection-events.ts";
import { RegistryClient } from "../../fallbacks/registry/registry-client.ts";
import { type KafkaServer, startKafka } from "../../lab/servers/kafka.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { connectionOf, pageOf } from "./fallbacks-registry-platform.ts";

let workspace: Workspace;
let kafka: KafkaServer;

beforeAll(async () => {
  workspace = await createWorkspace("fallbacks-registry-kafka");
  kafka = await startKafka(workspace, {
    settings: { "log.cleaner.backoff.ms": 100, "log.retention.check.interval.ms": 1_000 },
  });
}, 11 * patience); // the first start on a machine fetches Kafka

afterAll(async () => {
  await workspace.close();
});

function open(options: Partial<KafkaConnectionEventsOptions> = {}) {
  const metrics = new Registry();
  const events = new KafkaConnectionEvents({
    clientId: "test",
    bootstrapBrokers: [kafka.brokers],
    deadlineMs: 2_000,
    metrics,
    ...options,
  });
  workspace.register({ name: "connection events", stop: () => events.close(0) });
  const gauge = async (name: string) => (await pageOf(metrics)).value(name, { role: "registry" });
  return {
    events,
    waiting: () => gauge("redisops_connection_events_waiting"),
    dropped: () => gauge("redisops_connection_events_dropped_total"),
  };
}

const connected = (userId: string, atMs = 1): ConnectionEvent => ({
  kind: "connected",
  userId,
  serverId: "server-1",
  connectionId: `c-${atMs}`,
  atMs,
});
const users = (count: number) => Array.from({ length: count }, (_, n) => `user-${n}`);

let readers = 0;

/** All records of the topic from its start until one for the user `end` is found, which is published for that. */
async function readAll(topic: string): Promise<ConnectionEvent[]> {
  readers += 1;
  const end = `end-${readers}`;
  const { events } = open({ topic });
  events.publish(connected(end));
  expect(await events.flush(patience)).toBe(true);
  const consumer = new Consumer({
    clientId: "test",
    bootstrapBrokers: [kafka.brokers],
    groupId: `reader-${readers}`,
    deserializers: stringDeserializers,
  });
  try {
    const stream = await consumer.consume({ topics: [topic], mode: "earliest" });
    const found: ConnectionEvent[] = [];
    for await (const { key, value } of stream) {
      const event = parseConnectionEvent(value);
      expect(event?.userId).toBe(key);
      if (event?.userId === end) break;
      if (event !== undefined && !event.userId.startsWith("end-")) found.push(event);
    }
    return found;
  } finally {
    await consumer.close(true);
  }
}

const drained = (events: KafkaConnectionEvents) =>
  waitUntil(() => events.flush(1_000), { what: "all events to be sent", deadlineMs: patience });

describe("connection events in Kafka", { timeout: 3 * patience }, () => {
  it("arrive when connections come and go", async () => {
    await kafka.createTopic("connection-events", { compacted: true });
    const { events, waiting } = open({ topic: undefined });
    const registry = new RegistryClient(
      { topology: "standalone", address: "127.0.0.1:9" },
      { events, metrics: new Registry() },
    );
    const { serverId, connectionId, connectedAtMs, userId } = connectionOf("ann");
    expect(await registry.register(connectionOf("ann"))).toBe("unavailable");
    expect(await events.flush(patience)).toBe(true);
    expect(await registry.unregister(connectionOf("ann"))).toBe("unavailable");
    expect(await events.flush(patience)).toBe(true);
    registry.close();
    expect(await waiting()).toBe(0);
    expect(await readAll("connection-events")).toEqual([
      { kind: "connected", userId, serverId, connectionId, atMs: connectedAtMs },
      { kind: "disconnected", userId, serverId, connectionId, atMs: expect.any(Number) },
    ]);
  });

  it("are compacted by user", async () => {
    await kafka.createTopic("compacted", {
      compacted: true,
      settings: { "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01" },
    });
    const { events } = open({ topic: "compacted" });
    for (let round = 1; round <= 3; round++) {
      for (const user of users(20)) events.publish(connected(user, round));
      expect(await events.flush(patience)).toBe(true);
    }
    const last = users(20).map((user) => connected(user, 3));
    await waitUntil(
      async () => {
        // Each read writes a record, which closes the segment before it: only closed ones are compacted.
        const found = await readAll("compacted");
        expect(found).toEqual(last);
        return true;
      },
      { what: "only the newest event of each user to be left", deadlineMs: 2 * patience },
    );
  });

  it("wait while Kafka is killed, one for each user and no more than allowed, and arrive when it is back", async () => {
    await kafka.createTopic("killed", { compacted: true });
    const { events, waiting, dropped } = open({ topic: "killed", maxWaiting: 2_500 });
    events.publish(connected("before"));
    expect(await events.flush(patience)).toBe(true);
    await kafka.kill();
    for (let round = 1; round <= 3; round++) {
      for (const user of users(2_500)) events.publish(connected(user, round));
    }
    expect(await events.flush(100)).toBe(false);
    expect(await waiting()).toBe(2_500);
    expect(await dropped()).toBe(0);
    for (let n = 0; n < 10; n++) events.publish(connected(`late-${n}`));
    expect(await waiting()).toBe(2_500);
    expect(await dropped()).toBe(10);

    await kafka.restart();
    await drained(events);
    expect(await waiting()).toBe(0);
    const latest = new Map((await readAll("killed")).map((event) => [event.userId, event.atMs]));
    expect(latest.size).toBe(2_501);
    for (let n = 0; n < 10; n++) expect(latest.get(`late-${n}`)).toBe(1);
    const kept = users(2_500).filter((user) => latest.has(user));
    expect(kept.every((user) => latest.get(user) === 3)).toBe(true);
    expect(kept).toHaveLength(2_490);
  });

  it("wait while Kafka hangs, and arrive when it goes on", async () => {
    await kafka.createTopic("hung", { compacted: true });
    const { events } = open({ topic: "hung", deadlineMs: 500 });
    events.publish(connected("before"));
    expect(await events.flush(patience)).toBe(true);
    kafka.pause();
    await frozen([kafka.pid]);
    try {
      for (const user of users(50)) events.publish(connected(user));
      expect(await events.flush(3_000)).toBe(false);
    } finally {
      kafka.resume();
    }
    await drained(events);
    const found = new Set((await readAll("hung")).map(({ userId }) => userId));
    expect(found).toEqual(new Set(["before", ...users(50)]));
  });

  it("wait for a topic that does not exist yet", async () => {
    const { events } = open({ topic: "missing" });
    events.publish(connected("ann"));
    expect(await events.flush(1_000)).toBe(false);
    await kafka.createTopic("missing", { compacted: true });
    await drained(events);
    expect((await readAll("missing")).at(-1)).toEqual(connected("ann"));
  });

  it("do not hold up the end of a process when Kafka is away", async () => {
    const { events } = open({ topic: "gone", bootstrapBrokers: ["127.0.0.1:9"] });
    events.publish(connected("ann"));
    await events.close(100);
    events.publish(connected("bob"));
    expect(await events.flush(100)).toBe(false);
  });
});
