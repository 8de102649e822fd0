import { describe, expect, it } from "vitest";
import type { ConnectionEvent } from "../../../core/registry/connection-event.ts";
import { EventDecisions } from "../../../core/registry/event-batch.ts";
import { readConnectionEvent } from "../../../core/registry/read-event.ts";

const event = (kind: ConnectionEvent["kind"], connectionId: string, atMs: number): ConnectionEvent => ({
  ...{ kind, userId: "u", serverId: "s", connectionId, atMs },
});
const connected = (connectionId: string, atMs: number) => event("connected", connectionId, atMs);
const disconnected = (connectionId: string, atMs: number) => event("disconnected", connectionId, atMs);

function decide(...events: ConnectionEvent[]) {
  const decisions = new EventDecisions();
  for (const one of events) decisions.add(one);
  return decisions.take();
}

describe("the decisions on a batch of events", () => {
  it("is one for each user, the newest connection or its end", () => {
    expect(decide(connected("c1", 1), connected("c2", 2))).toEqual([
      { event: connected("c2", 2), newestMs: 2 },
    ]);
    expect(decide(connected("c2", 2), connected("c1", 1))).toEqual([
      { event: connected("c2", 2), newestMs: 2 },
    ]);
    expect(decide(connected("c1", 1), disconnected("c1", 3))).toEqual([
      { event: disconnected("c1", 3), newestMs: 1 },
    ]);
  });

  it("knows which connections were superseded by one that has ended since", () => {
    expect(decide(connected("c3", 30), disconnected("c3", 40))).toEqual([
      { event: disconnected("c3", 40), newestMs: 30 },
    ]);
    expect(decide(disconnected("c3", 40))).toEqual([{ event: disconnected("c3", 40), newestMs: -1 }]);
  });

  it("does not believe in a connection whose end it has met in an earlier batch", () => {
    const decisions = new EventDecisions();
    decisions.add(disconnected("c1", 3));
    expect(decisions.take()).toHaveLength(1);
    decisions.add(connected("c1", 1));
    expect(decisions.take()).toEqual([]);
    decisions.add(connected("c2", 2));
    expect(decisions.take()).toEqual([{ event: connected("c2", 2), newestMs: 2 }]);
  });

  it("remembers a bounded number of ends", () => {
    const decisions = new EventDecisions();
    for (let n = 0; n < 50_001; n++) decisions.add({ ...disconnected("c1", 1), userId: `u${n}` });
    decisions.take();
    for (const userId of ["u0", "u24999", "u25000", "u50000"])
      decisions.add({ ...connected("c1", 1), userId });
    expect(decisions.take().map(({ event: { userId } }) => userId)).toEqual(["u0", "u24999"]);
  });
});

describe("a record as a connection event", () => {
  const now = 1_700_000_000_000;
  const valid = { version: 1, kind: "connected", userId: "u", serverId: "s", connectionId: "c", atMs: now };
  const read = (value: object | string | Buffer) =>
    readConnectionEvent(
      Buffer.isBuffer(value) ? value : Buffer.from(typeof value === "string" ? value : JSON.stringify(value)),
      now,
    );

  it("is read where an entry can be made of it", () => {
    expect(read(valid)).toEqual({
      kind: "connected",
      userId: "u",
      serverId: "s",
      connectionId: "c",
      atMs: now,
    });
    expect(read({ ...valid, userId: "\u0000 \n€𝄞", more: ["fields"] })?.userId).toBe("\u0000 \n€𝄞");
  });

  it.each<[string, object | string | Buffer]>([
    ["nothing", ""],
    ["half a document", '{"version":1,'],
    ["another document", "[1]"],
    ["null", "null"],
    ["bytes that are no text", Buffer.from([0xff, 0xfe, 0])],
    ["a megabyte of something", "x".repeat(1_000_000)],
    ["another version", { ...valid, version: 2 }],
    ["another kind", { ...valid, kind: "moved" }],
    ["no user", { ...valid, userId: "" }],
    ["a user that is a number", { ...valid, userId: 17 }],
    ["white space in the connection", { ...valid, connectionId: "c 1" }],
    ["no server", { ...valid, serverId: "" }],
    ["a server that is too long", { ...valid, serverId: "s".repeat(201) }],
    ["a time before 1970", { ...valid, atMs: -1 }],
    ["half a millisecond", { ...valid, atMs: 0.5 }],
    ["a time that is no number", { ...valid, atMs: "1" }],
    ["the future", { ...valid, atMs: now + 3_600_001 }],
  ])("is not made of %s", (_what, value) => {
    expect(read(value)).toBeUndefined();
  });
});
