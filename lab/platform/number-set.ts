/** Numbers up to this one are taken: 16 MiB for each set at most. */
const limit = 2 ** 27;

/** A set of whole numbers from 0 up, dense, in one bit each. Its bytes can be sent to another process. */
export class NumberSet {
  #bits: Uint8Array;
  #size = 0;

  /** `bytes` are another set's, and are not copied. */
  constructor(bytes: Uint8Array = new Uint8Array(1_024)) {
    this.#bits = bytes;
    for (const byte of bytes) this.#size += bitsIn(byte);
  }

  /** How many numbers it holds. */
  get size(): number {
    return this.#size;
  }

  get bytes(): Uint8Array {
    return this.#bits;
  }

  has(number: number): boolean {
    return ((this.#bits[number >> 3] ?? 0) & (1 << (number & 7))) !== 0;
  }

  /** Adds a number; answers false when it was there. Throws a RangeError beyond 2^27. */
  add(number: number): boolean {
    if (!(number >= 0 && number < limit)) throw new RangeError(`${number} is not from 0 to ${limit}`);
    const index = number >> 3;
    if (index >= this.#bits.length) this.#grow(index + 1);
    const before = this.#bits[index] ?? 0;
    const bit = 1 << (number & 7);
    if ((before & bit) !== 0) return false;
    this.#bits[index] = before | bit;
    this.#size += 1;
    return true;
  }

  /** Adds all numbers of another set. */
  addAll(other: NumberSet): void {
    const { bytes } = other;
    if (bytes.length > this.#bits.length) this.#grow(bytes.length);
    for (const [index, byte] of bytes.entries()) {
      const before = this.#bits[index] ?? 0;
      this.#bits[index] = before | byte;
      this.#size += bitsIn(before | byte) - bitsIn(before);
    }
  }

  /** How many numbers of this set are not in the other one, and the first of them. */
  missingFrom(other: NumberSet): { readonly count: number; readonly first: readonly number[] } {
    const first: number[] = [];
    let count = 0;
    for (const [index, byte] of this.#bits.entries()) {
      const missing = byte & ~(other.bytes[index] ?? 0);
      for (let bit = 0; missing !== 0 && bit < 8; bit += 1) {
        if ((missing & (1 << bit)) === 0) continue;
        count += 1;
        if (first.length < 10) first.push(index * 8 + bit);
      }
    }
    return { count, first };
  }

  #grow(bytes: number): void {
    const larger = new Uint8Array(Math.max(bytes, this.#bits.length * 2));
    larger.set(this.#bits);
    this.#bits = larger;
  }
}

function bitsIn(byte: number): number {
  let count = 0;
  for (let rest = byte; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}
