import { describe, expect, it } from "vitest";
import {
  type ConnectionEvent,
  formatConnectionEvent,
  parseConnectionEvent,
} from "../../../core/registry/connection-event.ts";
import { isUsable, readConnectionEvent } from "../../../core/registry/read-event.ts";
import { scanConnectionEvent } from "../../../core/registry/scan-event.ts";

const NOW = 1_790_000_000_000;
const event: ConnectionEvent = {
  kind: "connected",
  userId: "user 1",
  serverId: "10.0.0.1:9000",
  connectionId: "c-1",
  atMs: NOW,
};

/** Numbers from 0 up to a limit, the same ones each time. */
function draws(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

const pieces = [
  "a",
  "Z9",
  " ",
  "~",
  "!",
  "\\",
  '"',
  "\n",
  "\u007f",
  "é",
  "日",
  "🙂",
  "\ud800",
  "{",
  "}",
  ":",
  ",",
];

function slowly(bytes: Buffer): ConnectionEvent | undefined {
  const parsed = parseConnectionEvent(bytes.toString("utf8"));
  return parsed !== undefined && isUsable(parsed, NOW) ? parsed : undefined;
}

describe("scanning connection events", () => {
  it("reads what connection servers write", () => {
    for (const one of [event, { ...event, kind: "disconnected" as const }, { ...event, atMs: 0 }]) {
      expect(scanConnectionEvent(formatConnectionEvent(one))).toEqual(one);
    }
  });

  it("leaves to JSON.parse whatever is written otherwise", () => {
    const text = formatConnectionEvent(event);
    const others = [
      "",
      "{}",
      ` ${text}`,
      `${text} `,
      text.replace('"version":1', '"version":2'),
      text.replace(':"connected"', ':"reconnected"'),
      text.replace("user 1", ""),
      text.replace("user 1", "us\\u0065r"),
      text.replace("user 1", "é"),
      text.replace("c-1", "c 1"),
      text.replace("c-1", "c".repeat(201)),
      text.replace(String(NOW), `0${NOW}`),
      text.replace(String(NOW), `-${NOW}`),
      text.replace(String(NOW), `${NOW}.5`),
      text.replace(String(NOW), "1e3"),
      text.replace(String(NOW), "9".repeat(16)),
      text.replace(String(NOW), ""),
      text.replace(/}$/, ',"more":1}'),
    ];
    for (const other of others) expect(scanConnectionEvent(other), other).toBeUndefined();
  });

  it("agrees with JSON.parse and the checks on 50,000 texts, whole and damaged", () => {
    const draw = draws(7);
    const word = () =>
      Array.from({ length: draw(4) }, () => pieces[draw(draw(3) === 0 ? pieces.length : 2)]).join("");
    let read = 0;
    for (let n = 0; n < 50_000; n++) {
      const kind = draw(2) === 0 ? "connected" : "disconnected";
      const atMs = [0, NOW, NOW + 10_000_000, -5, 1.5, draw(1e9)][draw(6)] ?? 0;
      const bytes = Buffer.from(
        formatConnectionEvent({ kind, userId: word(), serverId: word(), connectionId: word(), atMs }),
      );
      if (draw(2) === 0) bytes[draw(bytes.length)] = draw(256);
      const expected = slowly(bytes);
      const padded = Buffer.concat([Buffer.from("before"), bytes, Buffer.from("behind")]);
      expect(readConnectionEvent(padded, NOW, 6, 6 + bytes.length), bytes.toString("latin1")).toEqual(
        expected,
      );
      if (scanConnectionEvent(bytes.toString("latin1")) !== undefined) read++;
    }
    expect(read).toBeGreaterThan(2_000);
  });
});
