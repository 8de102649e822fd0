import { describe, expect, test } from "vitest";
import { CopyFrames } from "../../../core/postgres/copy-frames.ts";
import { message, pieces } from "./copy-messages.ts";

/** What CopyFrames makes of the bytes; once it ended the rest is pg's and is appended to `rest`. */
function read(bytes: Buffer, size: number) {
  const payloads: string[] = [];
  const messages: string[] = [];
  const rest: Buffer[] = [];
  const frames = new CopyFrames({
    payload: (chunk, start, end) => payloads.push(Buffer.from(chunk.subarray(start, end)).toString("latin1")),
    message: (chunk) => messages.push(chunk.toString("latin1")),
    end: (chunk) => rest.push(chunk),
  });
  for (const chunk of pieces(bytes, size)) {
    if (rest.length > 0) rest.push(chunk);
    else frames.push(chunk);
  }
  return { payloads, messages, rest: Buffer.concat(rest).toString("latin1") };
}

const sizes = [1, 2, 3, 4, 5, 6, 7, 11, 64, 100_000];
const notice = message("N", "SNOTICE\0\0");
const rows = ["first", "", "d".repeat(300), "\u0064\0\0\0\u0005"];
const data = rows.map((row) => message("d", Buffer.from(row, "latin1")));

describe("CopyFrames", () => {
  test.each(sizes)("cuts chunks of %i bytes into messages", (size) => {
    const tail = Buffer.concat([message("c"), message("C", "COPY 4\0"), message("Z", "I")]);
    const [head = notice, ...others] = data;
    const stream = Buffer.concat([message("H", "\u0001\0\u0001\0\u0001"), head, notice, ...others, tail]);
    const { payloads, messages, rest } = read(stream, size);
    expect(payloads).toEqual(rows);
    expect(messages).toEqual([
      message("H", "\u0001\0\u0001\0\u0001").toString("latin1"),
      notice.toString("latin1"),
    ]);
    expect(rest).toBe(tail.toString("latin1"));
  });

  test.each(sizes)("gives an error back to pg with all that follows, in chunks of %i bytes", (size) => {
    const tail = Buffer.concat([message("E", "SFATAL\0C57P01\0\0"), notice]);
    const { payloads, messages, rest } = read(Buffer.concat([...data, tail]), size);
    expect(payloads).toEqual(rows);
    expect(messages).toEqual([]);
    expect(rest).toBe(tail.toString("latin1"));
  });
});
