/** The multiplier m = 0xc6a4a7935bd1e995 in two halves, and the lower half once more in 16-bit quarters. */
const M_HIGH = 0xc6a4a793 | 0;
const M_LOW = 0x5bd1e995 | 0;
const M_LOW_UPPER = 0x5bd1;
const M_LOW_LOWER = 0xe995;
/** The seed of RedisBloom's first hash: m itself. */
const SEED_HIGH = M_HIGH;
const SEED_LOW = M_LOW;

/** The upper 32 bits of the 64-bit product of an unsigned 32-bit number and the multiplier's lower half. */
function upperOfProduct(low: number): number {
  const upper = low >>> 16;
  const lower = low & 0xffff;
  const middle = Math.imul(upper, M_LOW_LOWER) + (Math.imul(lower, M_LOW_LOWER) >>> 16);
  const other = Math.imul(lower, M_LOW_UPPER) + (middle & 0xffff);
  return (Math.imul(upper, M_LOW_UPPER) + (middle >>> 16) + (other >>> 16)) | 0;
}

/**
 * The two 64-bit hashes by which RedisBloom places an item: `a = MurmurHash64A(item, m)` and `b = MurmurHash64A(item, a)`.
 *
 * All arithmetic is on 32-bit halves: with BigInt a hash costs some microseconds. The mixed words of the item do not
 * depend on the seed, so they are kept from the first hash for the second. Source of the algorithm: Austin Appleby,
 * MurmurHash2.cpp (public domain), `MurmurHash64A`.
 */
export class RedisBloomHasher {
  /** Halves of the last item's hashes, unsigned: upper and lower of `a`, upper and lower of `b`. */
  readonly values = new Uint32Array(4);
  #bytes: Uint8Array | undefined;
  #view: DataView = new DataView(new ArrayBuffer(0));
  /** Mixed words of the item, upper half first. */
  #mixed = new Int32Array(64);

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
    const words = (end - start) >>> 3;
    if (words * 2 > this.#mixed.length) this.#mixed = new Int32Array(words * 4);
    const { values } = this;
    const view = this.#view;
    const mixed = this.#mixed;
    for (let word = 0, at = start; word < words; word++, at += 8) {
      const low = view.getInt32(at, true);
      const high = view.getInt32(at + 4, true);
      // k *= m; k ^= k >> 47; k *= m
      const scrambledHigh = (upperOfProduct(low) + Math.imul(high, M_LOW) + Math.imul(low, M_HIGH)) | 0;
      const scrambledLow = Math.imul(low, M_LOW) ^ (scrambledHigh >>> 15);
      mixed[word * 2] =
        upperOfProduct(scrambledLow) + Math.imul(scrambledHigh, M_LOW) + Math.imul(scrambledLow, M_HIGH);
      mixed[word * 2 + 1] = Math.imul(scrambledLow, M_LOW);
    }
    let tailLow = 0;
    let tailHigh = 0;
    const tail = start + words * 8;
    for (let at = end - 1; at >= tail; at--) {
      tailHigh = (tailHigh << 8) | (tailLow >>> 24);
      tailLow = (tailLow << 8) | view.getUint8(at);
    }
    const length = end - start;
    this.#finish(length, words, tailHigh, tailLow, SEED_HIGH, SEED_LOW, 0);
    this.#finish(length, words, tailHigh, tailLow, (values[0] ?? 0) | 0, (values[1] ?? 0) | 0, 2);
  }

  /** Everything that depends on the seed. */
  #finish(
    length: number,
    words: number,
    tailHigh: number,
    tailLow: number,
    seedHigh: number,
    seedLow: number,
    place: number,
  ): void {
    const mixed = this.#mixed;
    // h = seed ^ (length * m)
    let high = seedHigh ^ (upperOfProduct(length) + Math.imul(length, M_HIGH));
    let low = seedLow ^ Math.imul(length, M_LOW);
    for (let word = 0; word < words; word++) {
      high ^= mixed[word * 2] ?? 0;
      low ^= mixed[word * 2 + 1] ?? 0;
      high = (upperOfProduct(low) + Math.imul(high, M_LOW) + Math.imul(low, M_HIGH)) | 0;
      low = Math.imul(low, M_LOW);
    }
    if ((length & 7) !== 0) {
      high ^= tailHigh;
      low ^= tailLow;
      high = (upperOfProduct(low) + Math.imul(high, M_LOW) + Math.imul(low, M_HIGH)) | 0;
      low = Math.imul(low, M_LOW);
    }
    // h ^= h >> 47; h *= m; h ^= h >> 47
    low ^= high >>> 15;
    high = (upperOfProduct(low) + Math.imul(high, M_LOW) + Math.imul(low, M_HIGH)) | 0;
    low = Math.imul(low, M_LOW);
    this.values[place] = high;
    this.values[place + 1] = low ^ (high >>> 15);
  }
}
