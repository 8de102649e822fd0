import { ByteCarry } from "./byte-carry.ts";

const SIGNATURE = Buffer.from("PGCOPY\n\xff\r\n\0", "latin1");
const FIXED_HEADER_BYTES = SIGNATURE.length + 8;
const TRAILER = 0xffff;
const NULL_LENGTH = 0xffff_ffff;

/** Called for each id: `bytes[start, end)`, to be used up before the call returns. */
export type OnId = (bytes: Buffer, start: number, end: number) => void;

/** The text of an id that was handed to a callback. */
export function idText(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("utf8");
}

/**
 * Reads the ids out of COPY's binary format with one column (PostgreSQL manual, COPY, "Binary Format"). Pieces
 * may be cut anywhere; a server sends one row in one message, and such a row is read where it lies.
 */
export class CopyTuples {
  readonly #onId: OnId;
  readonly #carry = new ByteCarry();
  #headerSeen = false;
  #trailerSeen = false;
  #ids = 0;
  #nulls = 0;

  constructor(onId: OnId) {
    this.#onId = onId;
  }

  /** Ids handed on so far. */
  get ids(): number {
    return this.#ids;
  }

  /** Rows so far whose id was NULL; they are not handed on. */
  get nulls(): number {
    return this.#nulls;
  }

  /** Whether the format's end was reached. */
  get complete(): boolean {
    return this.#trailerSeen;
  }

  /**
   * Takes the next piece.
   *
   * @throws Error where the bytes are not that format, or have more or fewer columns than one
   */
  push(bytes: Buffer, start: number, end: number): void {
    const carry = this.#carry;
    if (carry.length === 0) {
      const at = this.#read(bytes, start, end);
      if (at < end) carry.append(bytes, at, end);
      return;
    }
    carry.append(bytes, start, end);
    const at = this.#read(carry.bytes, 0, carry.length);
    if (at > 0) carry.drop(at);
  }

  /** Reads whole rows; returns where the first incomplete one starts. */
  #read(bytes: Buffer, start: number, end: number): number {
    let at = this.#headerSeen ? start : this.#readHeader(bytes, start, end);
    if (!this.#headerSeen) return at;
    while (at + 2 <= end && !this.#trailerSeen) {
      const columns = uint16(bytes, at);
      if (columns !== 1) {
        if (columns !== TRAILER) throw new Error(`the id query must return one column, not ${columns}`);
        this.#trailerSeen = true;
        return at + 2;
      }
      if (at + 6 > end) return at;
      const length = uint32(bytes, at + 2);
      if (length === NULL_LENGTH) {
        this.#nulls++;
        at += 6;
        continue;
      }
      const next = at + 6 + length;
      if (next > end) return at;
      this.#onId(bytes, at + 6, next);
      this.#ids++;
      at = next;
    }
    return at;
  }

  #readHeader(bytes: Buffer, start: number, end: number): number {
    if (end - start < FIXED_HEADER_BYTES) return start;
    const found = bytes.subarray(start, start + SIGNATURE.length);
    if (!SIGNATURE.equals(found)) throw new Error("the server did not answer in COPY's binary format");
    const next = start + FIXED_HEADER_BYTES + uint32(bytes, start + SIGNATURE.length + 4);
    if (next > end) return start;
    this.#headerSeen = true;
    return next;
  }
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function uint32(bytes: Uint8Array, at: number): number {
  return ((uint16(bytes, at) << 16) | uint16(bytes, at + 2)) >>> 0;
}
