import { describe, expect, it } from "vitest";
import { InsertBatch } from "../../../core/filter/insert-batch.ts";
import { ReplyParser } from "../../../core/redis/bulk/reply-parser.ts";

/** The words of a command, as a server reads them. */
function words(command: Buffer): readonly Buffer[] {
  const replies: unknown[] = [];
  new ReplyParser((reply) => replies.push(reply)).push(command);
  expect(replies).toHaveLength(1);
  return replies[0] as readonly Buffer[];
}

const beginning = (key: string) => ["BF.INSERT", key, "NOCREATE", "ITEMS"].map((word) => Buffer.from(word));

describe("InsertBatch", () => {
  it("holds ids of every length and every byte value", () => {
    const batch = new InsertBatch("{dedup}:schlüssel");
    const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const ids = [0, 1, 9, 10, 11, 99, 100, 128, 129, 256].map((length) => everyByte.subarray(0, length));
    for (const id of ids)
      batch.add(Buffer.concat([Buffer.from("xx"), id, Buffer.from("yy")]), 2, 2 + id.length);
    expect(batch.ids).toBe(ids.length);
    expect(words(batch.command())).toEqual([...beginning("{dedup}:schlüssel"), ...ids]);
  });

  it("is full after 500 ids, or 64 KiB, and begins anew", () => {
    const batch = new InsertBatch("k");
    const id = Buffer.from("5f2b1c9e-8d3a-4e6f-9b7c-0a1d2e3f4a5b");
    for (let n = 0; n < 499; n++) batch.add(id, 0, id.length);
    expect(batch.isFull).toBe(false);
    batch.add(id, 0, id.length);
    expect(batch.isFull).toBe(true);
    expect(words(batch.command())).toHaveLength(504);
    batch.clear();
    const large = Buffer.alloc(2 ** 20, 7);
    batch.add(large, 0, large.length);
    expect(batch.isFull).toBe(true);
    expect(words(batch.command())).toEqual([...beginning("k"), large]);
  });
});
