import { ByteCarry } from "./byte-carry.ts";

const COPY_DATA = 0x64;
const HEADER_BYTES = 5;
/** CopyOutResponse, NoticeResponse, NotificationResponse, ParameterStatus: may come while rows still follow. */
const INTERSPERSED = new Set([0x48, 0x4e, 0x41, 0x53]);

/** What a CopyFrames hands on; every call comes synchronously out of `push`. */
export interface CopyFrameSink {
  /** The payload of one CopyData message: `bytes[start, end)`, to be used up before the call returns. */
  payload(bytes: Buffer, start: number, end: number): void;
  /** Another message, whole, that does not end the copy; a copy of the bytes. */
  message(bytes: Buffer): void;
  /** The copy ended: everything from the message that ended it (CopyDone, ErrorResponse) on; a copy of the bytes. */
  end(bytes: Buffer): void;
}

/**
 * Cuts the bytes a Postgres server sends during COPY TO STDOUT into messages (a type byte, then a 32-bit
 * big-endian length that counts itself: PostgreSQL manual, "Message Formats"). Chunks may be cut anywhere; only a
 * message that straddles two of them is copied, so memory is bounded by the longest message.
 */
export class CopyFrames {
  readonly #sink: CopyFrameSink;
  readonly #carry = new ByteCarry();
  #ended = false;

  constructor(sink: CopyFrameSink) {
    this.#sink = sink;
  }

  /** Takes the next chunk; must not be called again once the sink's `end` was. */
  push(chunk: Buffer): void {
    let at = this.#carry.length === 0 ? 0 : this.#complete(chunk);
    const limit = chunk.length;
    while (!this.#ended && at + HEADER_BYTES <= limit) {
      const end = at + 1 + lengthAt(chunk, at + 1);
      if (end > limit) break;
      if (chunk[at] === COPY_DATA) this.#sink.payload(chunk, at + HEADER_BYTES, end);
      else if (!this.#other(chunk, at, end)) this.#sink.end(Buffer.from(chunk.subarray(at)));
      at = end;
    }
    if (!this.#ended && at < limit) this.#carry.append(chunk, at, limit);
  }

  /** Completes the message that straddles the chunk's beginning; returns where the next one starts. */
  #complete(chunk: Buffer): number {
    const carry = this.#carry;
    let at = 0;
    if (carry.length < HEADER_BYTES) {
      at = Math.min(HEADER_BYTES - carry.length, chunk.length);
      carry.append(chunk, 0, at);
      if (carry.length < HEADER_BYTES) return at;
    }
    const length = 1 + lengthAt(carry.bytes, 1);
    const next = Math.min(at + length - carry.length, chunk.length);
    carry.append(chunk, at, next);
    if (carry.length < length) return next;
    if (carry.bytes[0] === COPY_DATA) this.#sink.payload(carry.bytes, HEADER_BYTES, length);
    else if (!this.#other(carry.bytes, 0, length)) {
      this.#sink.end(Buffer.concat([carry.bytes.subarray(0, length), chunk.subarray(next)]));
    }
    carry.drop(length);
    return next;
  }

  /** Hands on an interspersed message; false where the message ends the copy instead. */
  #other(bytes: Buffer, start: number, end: number): boolean {
    if (INTERSPERSED.has(bytes[start] ?? 0)) this.#sink.message(Buffer.from(bytes.subarray(start, end)));
    else this.#ended = true;
    return !this.#ended;
  }
}

function lengthAt(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at);
}
