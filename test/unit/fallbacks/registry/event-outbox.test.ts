import { describe, expect, it } from "vitest";
import {
  type ConnectionEvent,
  decisiveEvent,
  formatConnectionEvent,
  parseConnectionEvent,
} from "../../../../core/registry/connection-event.ts";
import { EventOutbox } from "../../../../fallbacks/registry/event-outbox.ts";

function event(
  kind: ConnectionEvent["kind"],
  connectionId: string,
  atMs: number,
  userId = "ann",
): ConnectionEvent {
  return { kind, userId, serverId: "server-1", connectionId, atMs };
}

function outbox(capacity: number) {
  const drops = { count: 0 };
  const box = new EventOutbox(capacity, () => {
    drops.count += 1;
  });
  return { box, drops };
}

const users = (events: readonly ConnectionEvent[]) => events.map(({ userId }) => userId);

describe("a connection event", () => {
  it("is read as it was written, and nothing else is", () => {
    const written = event("connected", "c1", 1_700_000_000_000);
    expect(parseConnectionEvent(formatConnectionEvent(written))).toEqual(written);
    const broken = [
      "",
      "null",
      "3",
      "{}",
      '{"version":2}',
      formatConnectionEvent(written).replace("connected", "x"),
    ];
    for (const text of broken) expect(parseConnectionEvent(text)).toBeUndefined();
  });

  it.each([
    ["a connection, then its end", event("connected", "c1", 1), event("disconnected", "c1", 2), "later"],
    [
      "a connection, then an older one's end",
      event("connected", "c2", 2),
      event("disconnected", "c1", 3),
      "earlier",
    ],
    ["a connection, then a newer one", event("connected", "c1", 1), event("connected", "c2", 2), "later"],
    ["a connection, then an older one", event("connected", "c2", 2), event("connected", "c1", 1), "earlier"],
    ["an end, then a connection", event("disconnected", "c1", 2), event("connected", "c2", 3), "later"],
    [
      "an end, then that connection's beginning",
      event("disconnected", "c1", 2),
      event("connected", "c1", 1),
      "earlier",
    ],
    ["an end, then another one", event("disconnected", "c1", 2), event("disconnected", "c2", 3), "later"],
  ])("counts or not: %s", (_, earlier, later, expected) => {
    expect(decisiveEvent(earlier, later)).toBe(expected === "later" ? later : earlier);
  });
});

describe("the outbox of connection events", () => {
  it("keeps the event of each user that counts", () => {
    const { box, drops } = outbox(10);
    box.add(event("connected", "c1", 1));
    box.add(event("connected", "c2", 2));
    box.add(event("disconnected", "c1", 3));
    box.add(event("connected", "c9", 1, "bob"));
    expect(box.size).toBe(2);
    expect(box.take(10)).toEqual([event("connected", "c2", 2), event("connected", "c9", 1, "bob")]);
    expect(drops.count).toBe(0);
  });

  it("gives up the events that have waited longest when there are too many, and counts them", () => {
    const { box, drops } = outbox(3);
    for (const user of ["a", "b", "c", "d", "e"]) box.add(event("connected", "c", 1, user));
    expect(drops.count).toBe(2);
    expect(users(box.take(10))).toEqual(["c", "d", "e"]);
  });

  it("counts what is on its way until it has arrived", () => {
    const { box } = outbox(10);
    for (const user of ["a", "b", "c"]) box.add(event("connected", "c", 1, user));
    expect(users(box.take(2))).toEqual(["a", "b"]);
    expect(box.size).toBe(3);
    box.delivered();
    expect(box.size).toBe(1);
  });

  it("sends what did not arrive again, in its place, unless something newer is known", () => {
    const { box } = outbox(10);
    for (const user of ["a", "b"]) box.add(event("connected", "c1", 1, user));
    box.take(2);
    box.add(event("connected", "c1", 1, "new"));
    box.add(event("disconnected", "c1", 2, "b"));
    box.failed();
    expect(box.size).toBe(3);
    expect(box.take(10)).toEqual([
      event("connected", "c1", 1, "a"),
      event("disconnected", "c1", 2, "b"),
      event("connected", "c1", 1, "new"),
    ]);
  });

  it("stays within its bound when what did not arrive comes back", () => {
    const { box, drops } = outbox(2);
    for (const user of ["a", "b"]) box.add(event("connected", "c", 1, user));
    box.take(2);
    for (const user of ["c", "d"]) box.add(event("connected", "c", 1, user));
    box.failed();
    expect(box.size).toBe(2);
    expect(drops.count).toBe(2);
  });
});
