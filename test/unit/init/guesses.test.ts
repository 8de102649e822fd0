import { describe, expect, test } from "vitest";
import { topicFor } from "../../../operations/init/find-kafka.ts";
import { guessRoles, patternOf } from "../../../operations/init/guess-roles.ts";
import { guessTables, type ListedTable } from "../../../operations/init/guess-tables.ts";
import type { KeyKind, SampledKey } from "../../../operations/init/redis-sample.ts";

const keys = (kind: KeyKind, names: readonly string[], ttl?: number): SampledKey[] =>
  names.map((key) => ({ key, kind, ttl }));

describe("key patterns", () => {
  test.each([
    [["conn:u1", "conn:u2"], "conn:{user_id}"],
    [["conn:u1"], "conn:{user_id}"],
    [["app:conn:u17", "app:conn:u18"], "app:conn:{user_id}"],
    [["user:1:conn", "user:2:conn"], "user:{user_id}:conn"],
    [["seq:{a}", "seq:{b}"], "seq:{{user_id}}"],
    [["u1", "u2"], "{user_id}"],
    // Different users whose names begin alike.
    [["conn:user-11", "conn:user-12"], "conn:{user_id}"],
  ])("%s are %s", (names, pattern) => {
    expect(patternOf(names, "{user_id}")).toBe(pattern);
  });
});

describe("counters", () => {
  const role = (sampled: readonly SampledKey[]) =>
    guessRoles(sampled).map(({ role: each, key }) => [each, key]);
  test("with the default names are what they are called", () => {
    const sampled = [
      ...keys("expiring_counter", ["rate:1", "rate:2"], 900),
      ...keys("lasting_counter", ["seq:1", "seq:2"]),
    ];
    expect(role(sampled)).toEqual([
      ["rate_limit", undefined],
      ["sequence", undefined],
    ]);
  });
  test("one that is stuck without a time to live is still a rate limit", () => {
    expect(
      role([...keys("expiring_counter", ["rate:1"], 900), ...keys("lasting_counter", ["rate:2"])]),
    ).toEqual([["rate_limit", undefined]]);
  });
  test("of other names are a guess where they are the only ones, and nothing where there are two kinds", () => {
    const only = keys(
      "lasting_counter",
      ["chat:1:n", "chat:2:n"].map((key) => key.replace(":n", "")),
    );
    expect(role(only)).toEqual([["sequence", "chat:{conversation_id}"]]);
    expect(role([...only, ...keys("lasting_counter", ["visits:1"])])).toEqual([]);
  });
  test("a recovery's shadow of the filter is not taken for the filter", () => {
    const filter = { capacity: 100, errorRate: 0.01 };
    const sampled: SampledKey[] = [
      { key: "{dedup}:shadow", kind: "bitmap_filter", ttl: 900, filter },
      { key: "{dedup}", kind: "bitmap_filter", ttl: undefined, filter: { ...filter, capacity: 200 } },
    ];
    expect(guessRoles(sampled)[0]?.filter).toMatchObject({ key: "{dedup}", sizing: { capacity: 200 } });
  });
});

describe("tables", () => {
  const time = "timestamp with time zone";
  const table = (name: string, columns: Readonly<Record<string, string>>, rows = -1): ListedTable => ({
    name,
    rows,
    columns: new Map(Object.entries(columns)),
  });
  const found = (...tables: ListedTable[]) =>
    guessTables(tables).map(({ section, values }) => [section, values]);
  test("of the default name and columns need nothing said", () => {
    expect(found(table("notifications", { id: "text", sent_at: time }))).toEqual([
      ["sent_notifications", {}],
    ]);
  });
  test("of another name and other columns have them written down", () => {
    expect(
      found(table("ops.pending_queue", { message_id: "text", recipient: "text", queued_at: time })),
    ).toEqual([
      [
        "pending_deliveries",
        { table: "ops.pending_queue", user_column: "recipient", created_at_column: "queued_at" },
      ],
    ]);
  });
  test("with a time of another type, or a name that says otherwise, are none", () => {
    expect(
      found(
        table("notifications", { id: "text", sent_at: "bigint" }),
        table("invoices", { id: "text", sent_at: time }),
      ),
    ).toEqual([]);
  });
  test("the one of the default's name comes first, then the largest, and the others are told", () => {
    const [guess] = guessTables([
      table("sent_2023", { id: "text", sent_at: time }, 5),
      table("notification_log", { id: "text", sent_at: time }, 500),
    ]);
    expect([guess?.table.name, guess?.why]).toEqual([
      "notification_log",
      expect.stringContaining("So have sent_2023"),
    ]);
  });
});

test("a topic is found by the default's name, or by the only one that is like it", () => {
  expect(topicFor("messages", ["messages", "chat-messages"])).toBe("messages");
  expect(topicFor("connection_events", ["orders", "presence.v1"])).toBe("presence.v1");
  expect(topicFor("connection_events", ["presence.v1", "presence.v2"])).toBeUndefined();
});
