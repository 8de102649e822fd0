import { expect, test } from "vitest";
import { parseConfig } from "../../../core/config/load.ts";
import { sendsSource } from "../../../core/duplicates/sources.ts";

function sourceOf(tables: object | undefined, topic: boolean, kind?: "table" | "topic"): string {
  const document = {
    platform: "test",
    roles: {},
    ...(tables && { postgres: { address: "db:5432", database: "d", user: "u", tables } }),
    ...(topic && { kafka: { brokers: ["kafka:9092"], sent_notifications: {} } }),
  };
  const source = sendsSource(parseConfig(JSON.stringify(document), "test"), kind);
  return source.kind === "table" ? source.sends.table : source.topic.topic;
}

const both = { sends: {}, sent_notifications: {} };

test("a table of sends comes first, then the topic, then the table of what was sent", () => {
  expect(sourceOf(both, true)).toBe("sends");
  expect(sourceOf({ sent_notifications: {} }, true)).toBe("sent-notifications");
  expect(sourceOf(undefined, true)).toBe("sent-notifications");
  expect(sourceOf({ sent_notifications: {} }, false)).toBe("notifications");
});

test("the one that is asked for is taken", () => {
  expect(sourceOf(both, true, "topic")).toBe("sent-notifications");
  expect(sourceOf({ sent_notifications: {} }, true, "table")).toBe("notifications");
});

test.each([
  [undefined, false, undefined],
  [{}, false, "table"],
  [{}, true, "table"],
  [both, false, "topic"],
] as const)("%j, topic %j, --source %s: it says what is missing", (tables, topic, kind) => {
  expect(() => sourceOf(tables, topic, kind)).toThrowError(
    expect.objectContaining({ code: "CONFIG_INCOMPLETE", message: expect.stringMatching(/sends|kafka/) }),
  );
});
