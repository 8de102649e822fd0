import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { initRequest } from "../../cli/init-request.ts";
import { startKafka } from "../../lab/servers/kafka.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { diagnose } from "../../operations/doctor/doctor.ts";
import { draftConfig } from "../../operations/init/init.ts";
import { long } from "../fixtures/long.ts";

let workspace: Workspace;

beforeAll(async () => {
  workspace = await createWorkspace("init-kafka");
});

afterAll(() => workspace.close());

function drafted(brokers: string) {
  const lists = { redis: [], redisPassword: [], role: [], kafka: [brokers], tls: [] };
  const options = { out: "-", force: false, json: false, nonInteractive: true, ...lists };
  return draftConfig(initRequest(options as never, undefined, () => undefined));
}

async function kafkaChecks(text: string) {
  const path = join(workspace.dir, "redisops.yaml");
  await writeFile(path, text);
  const { checks } = await diagnose({ config: path, recoveries: false });
  return checks.filter(({ id }) => id.startsWith("kafka.")).map(({ id, status }) => [id, status]);
}

test("a Kafka that is not there is no platform to draft, and a failed check", async () => {
  const brokers = `127.0.0.1:${await workspace.port()}`;
  await expect(drafted(brokers)).rejects.toMatchObject({
    code: "INIT_NOTHING_FOUND",
    message: expect.stringMatching(new RegExp(`nothing was written:\n  Kafka at ${brokers} [^\n]+$`)),
  });
  const text = `platform: lonely\nroles: {}\nkafka: { brokers: ["${brokers}"] }\n`;
  expect(await kafkaChecks(text)).toEqual([["kafka.reach", "failed"]]);
});

if (long) {
  test("topics are found by their names, and doctor finds those that are gone", async () => {
    const { brokers, createTopic, stop } = await startKafka(workspace);
    await createTopic("connection-events", { partitions: 2, compacted: true });
    await createTopic("chat-messages");
    const { text } = await drafted(brokers);
    const { kafka } = parse(text) as { kafka: Record<string, unknown> };
    expect(kafka).toEqual({
      brokers: [brokers],
      connection_events: {},
      messages: { topic: "chat-messages" },
    });
    const changed = text.replace("topic: chat-messages", "topic: gone");
    expect(await kafkaChecks(changed)).toEqual([
      ["kafka.reach", "ok"],
      ["kafka.topic.connection-events", "ok"],
      ["kafka.topic.gone", "failed"],
    ]);
    await stop();
    expect(await kafkaChecks(changed)).toEqual([["kafka.reach", "failed"]]);
  });
}
