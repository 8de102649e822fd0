/**
 * Bytes kept from one chunk to the next because what they belong to is not complete yet.
 *
 * Appending costs the bytes appended, whatever was kept before; the room doubles when it is short and is reused.
 */
export class ByteCarry {
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;

  /** The kept bytes are `bytes[0, length)`; the array is replaced when it grows. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  get length(): number {
    return this.#length;
  }

  /** Keeps a copy of `source[start, end)` behind what is kept already. */
  append(source: Uint8Array, start: number, end: number): void {
    const length = this.#length + end - start;
    if (length > this.#bytes.length) {
      const room = Buffer.allocUnsafe(Math.max(length, this.#bytes.length * 2, 256));
      room.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = room;
    }
    this.#bytes.set(source.subarray(start, end), this.#length);
    this.#length = length;
  }

  /** Forgets the first `count` bytes. */
  drop(count: number): void {
    this.#bytes.copyWithin(0, count, this.#length);
    this.#length -= count;
  }
}
