import { describe, expect, it } from "vitest";
import { type Reply, ReplyError, ReplyParser } from "../../../core/redis/bulk/reply-parser.ts";

const stream = Buffer.from(
  "+OK\r\n:-42\r\n$-1\r\n$4\r\na\r\nb\r\n*3\r\n:1\r\n$0\r\n\r\n*-1\r\n-ERR no\r\n*0\r\n+\r\n",
);
const replies = [
  "OK",
  -42,
  null,
  Buffer.from("a\r\nb"),
  [1, Buffer.alloc(0), null],
  new ReplyError("ERR no"),
  [],
  "",
];

function parse(pieces: readonly Buffer[]): Reply[] {
  const found: Reply[] = [];
  const parser = new ReplyParser((reply) => found.push(reply));
  for (const piece of pieces) parser.push(piece);
  return found;
}

describe("replies out of a stream of bytes", () => {
  it("are the same however the stream is cut", () => {
    expect(parse([stream])).toEqual(replies);
    for (let size = 1; size < stream.length; size++) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < stream.length; at += size) pieces.push(stream.subarray(at, at + size));
      expect(parse(pieces)).toEqual(replies);
    }
  });

  it("are no replies in another protocol", () => {
    expect(() => parse([Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")])).toThrow("Redis's protocol");
  });
});
