import { kafkaLibrary } from "./client-library.ts";

/** The bytes are no records that this reader understands. */
export class BadRecordsError extends Error {
  override readonly name = "BadRecordsError";
}

/** A transaction that was aborted, as a broker tells of it beside the records. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  /** The position of its first record. */
  readonly firstOffset: bigint;
}

/**
 * Takes a record: where its key and its value begin and end in the bytes, -1 where there is none. The bytes serve for other
 * records afterwards: copy what is to be kept.
 */
export type RecordVisitor = (
  bytes: Buffer,
  keyStart: number,
  keyEnd: number,
  valueStart: number,
  valueEnd: number,
  offset: number,
  /** When it was produced, or taken by the broker where the topic says so, in milliseconds since 1970. */
  timestamp: number,
) => void;

/** What a broker answered for a partition, not looked at yet. */
export interface RecordBatches {
  /** Batches in the format of Kafka's log; the last one may be cut. */
  readonly bytes: Buffer;
  readonly aborted: readonly AbortedTransaction[];
}

// Places in a batch: https://kafka.apache.org/documentation/#recordbatch
const LENGTH = 8;
const MAGIC = 16;
const ATTRIBUTES = 21;
const LAST_OFFSET_DELTA = 23;
const FIRST_TIMESTAMP = 27;
const MAX_TIMESTAMP = 35;
const PRODUCER_ID = 43;
const COUNT = 57;
const RECORDS = 61;
/** Bytes before those that a batch's length counts. */
const HEAD = 12;
const FORMAT = 2;

const COMPRESSION = 7;
/** Says that the broker, not the producer, gave the batch its time. */
const IS_LOG_APPEND_TIME = 1 << 3;
const IS_TRANSACTIONAL = 1 << 4;
/** Tells transaction markers from records. */
const IS_CONTROL = 1 << 5;

/** The type of the marker that ends an aborted transaction, behind the version in the marker's key. */
const ABORT = 0;

/**
 * Hands over the committed records from a position up to another. Answers the position after the batches that were looked
 * at, `from` where there are none. Throws a BadRecordsError where the bytes are of a format from before Kafka 0.11, or make
 * no sense. As in the client, checksums are left to the broker, which checks what it is sent.
 */
export function visitRecords(
  { bytes, aborted }: RecordBatches,
  from: number,
  to: number,
  visit: RecordVisitor,
): number {
  const transactions = new AbortedTransactions(aborted);
  let end = from;
  let start = 0;
  while (start + HEAD <= bytes.length) {
    const next = start + HEAD + bytes.readInt32BE(start + LENGTH);
    if (next > bytes.length || next < start + RECORDS) break;
    const batch = bytes.subarray(start, next);
    if (batch[MAGIC] !== FORMAT) {
      throw new BadRecordsError(`records are of format ${batch[MAGIC]}, not ${FORMAT}`);
    }
    const first = int64(batch, 0);
    const last = first + batch.readInt32BE(LAST_OFFSET_DELTA);
    const attributes = batch.readInt16BE(ATTRIBUTES);
    const isAborted = transactions.holds(batch, attributes, last);
    if (last >= from && first < to && !isAborted && (attributes & IS_CONTROL) === 0) {
      visitBatch(batch, attributes, first, from, to, visit);
    }
    end = Math.max(end, last + 1);
    start = next;
  }
  return end;
}

/** Follows the producers whose transaction will turn out to be aborted, as batches come by. */
class AbortedTransactions {
  readonly #ahead: AbortedTransaction[];
  readonly #underWay = new Set<bigint>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#ahead = [...aborted].sort((a, b) => Number(a.firstOffset - b.firstOffset));
  }

  /** Whether the next batch is part of one. */
  holds(batch: Buffer, attributes: number, last: number): boolean {
    if (this.#ahead.length === 0 && this.#underWay.size === 0) return false;
    while (this.#ahead[0] !== undefined && this.#ahead[0].firstOffset <= last) {
      this.#underWay.add(this.#ahead[0].producerId);
      this.#ahead.shift();
    }
    if ((attributes & IS_TRANSACTIONAL) === 0) return false;
    const producerId = batch.readBigInt64BE(PRODUCER_ID);
    if ((attributes & IS_CONTROL) !== 0) {
      if (markerOf(batch) === ABORT) this.#underWay.delete(producerId);
      return false;
    }
    return this.#underWay.has(producerId);
  }
}

/** The type of a batch's transaction marker; -1 where it is none. */
function markerOf(batch: Buffer): number {
  let type = -1;
  const attributes = batch.readInt16BE(ATTRIBUTES);
  visitBatch(batch, attributes, 0, 0, Number.POSITIVE_INFINITY, (bytes, keyStart, keyEnd) => {
    if (keyEnd - keyStart >= 4) type = bytes.readInt16BE(keyStart + 2);
  });
  return type;
}

function visitBatch(
  batch: Buffer,
  attributes: number,
  first: number,
  from: number,
  to: number,
  visit: RecordVisitor,
): void {
  const byBroker = (attributes & IS_LOG_APPEND_TIME) !== 0;
  const time = int64(batch, byBroker ? MAX_TIMESTAMP : FIRST_TIMESTAMP);
  const count = batch.readInt32BE(COUNT);
  const compressed = (attributes & COMPRESSION) !== 0;
  const bytes = compressed ? decompress(batch.subarray(RECORDS), attributes & COMPRESSION) : batch;
  const cursor = new Cursor(bytes, compressed ? 0 : RECORDS);
  for (let n = 0; n < count; n++) {
    const length = cursor.varint();
    const end = cursor.at + length;
    if (length < 0 || end > bytes.length) throw new BadRecordsError("a record is longer than its batch");
    cursor.at++;
    const timestampDelta = cursor.varint();
    const offset = first + cursor.varint();
    const keyLength = cursor.varint();
    const keyStart = keyLength < 0 ? -1 : cursor.at;
    const keyEnd = keyLength < 0 ? -1 : cursor.at + keyLength;
    if (keyLength > 0) cursor.at = keyEnd;
    const valueLength = cursor.varint();
    const valueStart = valueLength < 0 ? -1 : cursor.at;
    const valueEnd = valueLength < 0 ? -1 : cursor.at + valueLength;
    // What follows are headers.
    cursor.at = end;
    if (keyEnd > end || valueEnd > end)
      throw new BadRecordsError("a record's key or value is longer than the record");
    if (offset < from || offset >= to) continue;
    visit(bytes, keyStart, keyEnd, valueStart, valueEnd, offset, byBroker ? time : time + timestampDelta);
  }
}

function decompress(bytes: Buffer, compression: number): Buffer {
  const algorithm = kafkaLibrary().compressionsAlgorithmsByBitmask[compression];
  if (algorithm === undefined)
    throw new BadRecordsError(`records are compressed in an unknown way, ${compression}`);
  try {
    return algorithm.decompressSync(bytes);
  } catch (error) {
    throw new BadRecordsError("records cannot be decompressed", { cause: error });
  }
}

/** Exact up to 2^53, which positions and times do not reach. */
function int64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
}

class Cursor {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** The next whole number: seven bits a byte, the lowest first, and the sign in the lowest of them. */
  varint(): number {
    const byte = this.#byte();
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let value = byte & 0x7f;
    let scale = 0x80;
    for (let more = true; more; scale *= 0x80) {
      const next = this.#byte();
      value += (next & 0x7f) * scale;
      more = next >= 0x80;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  #byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new BadRecordsError("a batch has fewer records than it says");
    return byte;
  }
}
