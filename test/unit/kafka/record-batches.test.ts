import { createRecordsBatch, Reader, readRecordsBatches } from "@platformatic/kafka";
import { describe, expect, it } from "vitest";
import {
  type AbortedTransaction,
  BadRecordsError,
  visitRecords,
} from "../../../core/kafka/record-batches.ts";

type Message = Parameters<typeof createRecordsBatch>[0][number];
type Options = NonNullable<Parameters<typeof createRecordsBatch>[1]>;

const TOPIC = "topic";
// The client writes null, although its types do not say so.
const nothing = null as unknown as Buffer;
const TIME = 1_790_000_000_000n;

/** A batch as a producer writes it and a broker places it. */
function batch(first: number, messages: readonly Message[], options: Options = {}): Buffer {
  const copies = messages.map((message) => ({ ...message }));
  const bytes = Buffer.from(createRecordsBatch(copies, options).buffer);
  bytes.writeBigInt64BE(BigInt(first), 0);
  return bytes;
}

const message = (n: number, size = 20): Message => ({
  topic: TOPIC,
  key: Buffer.from(`key-${n}`),
  value: Buffer.alloc(size, `value ${n} `),
  timestamp: TIME + BigInt(n % 2 === 0 ? n * 1_000 : -n),
});
const messages = (count: number) => Array.from({ length: count }, (_, n) => message(n));

function visited(
  bytes: Buffer,
  { from = 0, to = Number.MAX_SAFE_INTEGER, aborted = [] as readonly AbortedTransaction[] } = {},
) {
  const records: unknown[] = [];
  const end = visitRecords(
    { bytes, aborted },
    from,
    to,
    (all, keyStart, keyEnd, start, valueEnd, offset, timestamp) => {
      const key = keyStart < 0 ? null : all.toString("latin1", keyStart, keyEnd);
      const value = start < 0 ? null : all.toString("latin1", start, valueEnd);
      records.push({ offset, timestamp, key, value });
    },
  );
  return { end, records };
}

function byTheClient(bytes: Buffer) {
  return readRecordsBatches(Reader.from(bytes)).flatMap(({ firstOffset, firstTimestamp, records }) =>
    records.map(({ offsetDelta, timestampDelta, key, value }) => ({
      offset: Number(firstOffset) + offsetDelta,
      timestamp: Number(firstTimestamp + timestampDelta),
      key: key?.toString("latin1") ?? null,
      value: value?.toString("latin1") ?? null,
    })),
  );
}

const offsetsOf = ({ records }: { readonly records: readonly unknown[] }) =>
  records.map((record) => (record as { offset: number }).offset);

/** The marker that ends a transaction. */
function marker(first: number, producerId: bigint, type: 0 | 1): Buffer {
  const key = Buffer.from([0, 0, 0, type]);
  const bytes = batch(first, [{ topic: TOPIC, key, value: Buffer.alloc(6), timestamp: TIME }], {
    transactionalId: "t",
    producerId,
  });
  bytes.writeInt16BE(bytes.readInt16BE(21) | (1 << 5), 21);
  return bytes;
}

const transactional = (first: number, producerId: bigint, count = 1) =>
  batch(first, messages(count), { transactionalId: "t", producerId });

describe("records of batches", () => {
  it.each(["none", "gzip", "snappy", "lz4", "zstd"] as const)(
    "reads %s as the client does",
    (compression) => {
      const headers = new Map([[Buffer.from("name"), Buffer.alloc(300, "h")]]);
      const odd: Message[] = [
        { topic: TOPIC, key: nothing, value: Buffer.from("no key"), timestamp: TIME },
        { topic: TOPIC, key: Buffer.from("no value"), value: nothing, timestamp: TIME + 2n ** 33n },
        { topic: TOPIC, key: Buffer.alloc(0), value: Buffer.alloc(0), timestamp: TIME - 2n ** 34n },
        { topic: TOPIC, key: Buffer.from("headers"), value: Buffer.from("v"), timestamp: TIME, headers },
        message(7, 1_000_000),
      ];
      const far = 2 ** 40 + 5;
      const bytes = Buffer.concat([
        batch(3, messages(300), { compression }),
        batch(far, odd, { compression }),
      ]);
      const { end, records } = visited(bytes);
      expect(end).toBe(far + odd.length);
      expect(records).toHaveLength(305);
      expect(records).toEqual(byTheClient(bytes));
    },
  );

  it("hands over what is between two positions, and leaves out a batch that is cut", () => {
    const bytes = Buffer.concat([batch(0, messages(10)), batch(10, messages(10)), batch(20, messages(10))]);
    expect(offsetsOf(visited(bytes, { from: 8, to: 12 }))).toEqual([8, 9, 10, 11]);
    const cut = visited(bytes.subarray(0, bytes.length - 1));
    expect(cut).toMatchObject({ end: 20 });
    expect(cut.records).toHaveLength(20);
    expect(visited(bytes.subarray(0, 5), { from: 4 })).toEqual({ end: 4, records: [] });
  });

  it("takes the broker's time where the topic says so", () => {
    const bytes = batch(0, messages(3));
    bytes.writeInt16BE(1 << 3, 21);
    bytes.writeBigInt64BE(123n, 35);
    expect(visited(bytes).records).toMatchObject([
      { timestamp: 123 },
      { timestamp: 123 },
      { timestamp: 123 },
    ]);
  });

  it("leaves out aborted transactions, several of one producer too, and those whose marker comes later", () => {
    const bytes = Buffer.concat([
      transactional(0, 1n),
      batch(1, messages(1)),
      marker(2, 1n, 0),
      transactional(3, 1n),
      transactional(4, 2n),
      marker(5, 1n, 1),
      transactional(6, 1n),
      marker(7, 1n, 0),
      transactional(8, 1n),
      marker(9, 2n, 1),
      transactional(10, 3n, 2),
    ]);
    const aborted = [
      { producerId: 3n, firstOffset: 10n },
      { producerId: 1n, firstOffset: 6n },
      { producerId: 1n, firstOffset: 0n },
    ];
    expect(offsetsOf(visited(bytes, { aborted }))).toEqual([1, 3, 4, 8]);
    expect(visited(bytes, { aborted }).end).toBe(12);
    expect(offsetsOf(visited(bytes))).toEqual([0, 1, 3, 4, 6, 8, 10, 11]);
  });

  it("refuses what makes no sense", () => {
    const ofFormat = (format: number) => {
      const bytes = batch(0, messages(1));
      bytes[16] = format;
      return bytes;
    };
    expect(() => visited(ofFormat(1))).toThrow(BadRecordsError);
    const tooMany = batch(0, messages(2));
    tooMany.writeInt32BE(3, 57);
    expect(() => visited(tooMany)).toThrow(BadRecordsError);
    const tooLong = batch(0, messages(1));
    tooLong[61] = 0x7e;
    expect(() => visited(tooLong)).toThrow(BadRecordsError);
    const compressed = batch(0, messages(5), { compression: "gzip" });
    compressed.fill(0xff, 70);
    expect(() => visited(compressed)).toThrow(BadRecordsError);
    const unknown = batch(0, messages(1));
    unknown.writeInt16BE(7, 21);
    expect(() => visited(unknown)).toThrow(BadRecordsError);
  });
});
