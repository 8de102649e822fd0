import { describe, expect, test } from "vitest";
import { CopyTuples } from "../../../core/postgres/copy-tuples.ts";
import { copyHeader, copyRow, copyTrailer, pieces } from "./copy-messages.ts";

function read(chunks: readonly Buffer[]) {
  const ids: Buffer[] = [];
  const tuples = new CopyTuples((bytes, start, end) => ids.push(Buffer.from(bytes.subarray(start, end))));
  for (const chunk of chunks) {
    const framed = Buffer.concat([Buffer.from("<<"), chunk, Buffer.from(">")]);
    tuples.push(framed, 2, framed.length - 1);
  }
  return { ids, tuples };
}

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
const large = Buffer.alloc(2 ** 20, "x");

describe("CopyTuples", () => {
  test.each([1, 2, 3, 5, 7, 64, 4096, 2 ** 22])("reads the same ids from pieces of %i bytes", (size) => {
    const wanted = ["a", "", "ππ", everyByte, ...(size < 3 ? [] : [large]), "last"];
    const rows = wanted.flatMap((id) => [copyRow(id), copyRow(null)]);
    const { ids, tuples } = read(pieces(Buffer.concat([copyHeader, ...rows, copyTrailer]), size));
    expect(ids).toEqual(wanted.map((id) => Buffer.from(id)));
    expect(tuples.ids).toBe(wanted.length);
    expect(tuples.nulls).toBe(wanted.length);
    expect(tuples.complete).toBe(true);
  });

  test("skips a header extension", () => {
    const header = Buffer.concat([copyHeader, Buffer.from("later")]);
    header.writeUInt32BE(5, 15);
    const stream = Buffer.concat([header, copyRow("id"), copyTrailer]);
    for (const size of [1, 4, 100]) expect(read(pieces(stream, size)).ids).toEqual([Buffer.from("id")]);
  });

  test("is not complete before the trailer", () => {
    const { tuples } = read([copyHeader, copyRow("id")]);
    expect(tuples.ids).toBe(1);
    expect(tuples.complete).toBe(false);
  });

  test("refuses rows of another number of columns", () => {
    expect(() => read([copyHeader, Buffer.from([0, 2, 0, 0, 0, 0])])).toThrow(
      "must return one column, not 2",
    );
  });

  test("refuses what is not COPY's binary format", () => {
    expect(() => read([Buffer.from("3f2b8c1e-77aa-4d0e-9c55-0123456789ab\n")])).toThrow("binary format");
  });
});
