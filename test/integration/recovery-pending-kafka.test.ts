import { Consumer, MessagesStreamModes, stringDeserializers } from "@platformatic/kafka";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type KafkaServer, startKafka } from "../../lab/servers/kafka.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { names, numbered, type PendingPlatform, startPendingPlatform } from "./recovery-pending-platform.ts";

let workspace: Workspace;
let platform: PendingPlatform;
let kafka: KafkaServer;

beforeAll(async () => {
  workspace = await createWorkspace("recovery-pending-kafka");
  [platform, kafka] = await Promise.all([startPendingPlatform(workspace), startKafka(workspace)]);
  await kafka.createTopic("deliveries", { partitions: 3 });
}, 3 * patience);

afterAll(async () => {
  await workspace.close();
});

it("produces each message once under its recipient, in order, and sets aside what the broker does not take", {
  timeout: 2 * patience,
}, async () => {
  const users = names(100);
  await platform.wait(users, 5);
  await platform.admin.query(
    "UPDATE pending_deliveries SET body = repeat(md5(random()::text), 40000) WHERE message_id = 'user-7-2'",
  );
  await platform.connect(users);
  const settings = {
    delivery: { kind: "kafka", topic: "deliveries" },
    pending: { max_attempts: 2, delivery_deadline: "20s" },
    more: { kafka: { brokers: [kafka.brokers] } },
  };
  const { verification } = await platform.drain(settings);
  expect(verification.holds).toBe(true);
  expect(await platform.waiting()).toEqual([]);
  const { rows } = await platform.admin.query("SELECT message_id, reason FROM pending_deliveries_set_aside");
  expect(rows).toEqual([{ message_id: "user-7-2", reason: "Kafka answered MESSAGE_TOO_LARGE" }]);

  const consumer = new Consumer({
    clientId: "test",
    groupId: "test",
    bootstrapBrokers: [kafka.brokers],
    deserializers: stringDeserializers,
  });
  const received = new Map<string, string[]>();
  try {
    const stream = await consumer.consume({
      topics: ["deliveries"],
      mode: MessagesStreamModes.EARLIEST,
      maxWaitTime: 100,
    });
    let count = 0;
    for await (const { key, headers } of stream) {
      const id = headers.get("message-id") ?? "";
      expect(headers.get("idempotency-key")).toBe(JSON.stringify([key, id]));
      received.set(key, [...(received.get(key) ?? []), id]);
      if (++count === 499) break;
    }
  } finally {
    await consumer.close(true);
  }
  for (const user of users) {
    expect(received.get(user)).toEqual(numbered(user, 5).filter((id) => id !== "user-7-2"));
  }
});
