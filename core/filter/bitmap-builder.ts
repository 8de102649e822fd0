import { type BitmapLayout, bytesPerShard, shardOf } from "./bitmap-layout.ts";
import { modulo, reciprocalOf } from "./fast-modulo.ts";
import { IdHasher } from "./id-hash.ts";

/**
 * Builds a whole filter in this process's memory, ready to be sent as it is: each shard's bytes are the bytes of
 * its Redis string.
 *
 * All shards are allocated at once, so that a filter too large for the machine fails before the first id is read.
 */
export class BitmapBuilder {
  readonly layout: BitmapLayout;
  /** One array of `bitsPerShard / 8` bytes per shard; filled in place by `addRange`. */
  readonly shards: readonly Uint8Array[];
  readonly #hasher = new IdHasher();
  readonly #first: Uint8Array;
  readonly #reciprocal: number;
  #added = 0;
  #distinct = 0;

  /** @throws RangeError where the shards do not fit in memory */
  constructor(layout: BitmapLayout) {
    this.layout = layout;
    const length = bytesPerShard(layout);
    this.#first = new Uint8Array(length);
    const shards = [this.#first];
    while (shards.length < layout.shards) shards.push(new Uint8Array(length));
    this.shards = shards;
    this.#reciprocal = reciprocalOf(layout.bitsPerShard);
  }

  /** How many times an id was added, repetitions included. */
  get added(): number {
    return this.#added;
  }

  /** Ids that were not known when they were added; a false positive is not counted. */
  get distinct(): number {
    return this.#distinct;
  }

  /** Adds the id `bytes[start, end)`. Allocates nothing; the bytes may be reused at once. */
  addRange(bytes: Uint8Array, start: number, end: number): void {
    this.#hasher.hash(bytes, start, end);
    const values = this.#hasher.values;
    let position = values[0] ?? 0;
    const step = ((values[1] ?? 0) | 1) >>> 0;
    const { hashes, bitsPerShard, shards: shardCount } = this.layout;
    const shard =
      shardCount === 1 ? this.#first : (this.shards[shardOf(position, step, shardCount)] ?? this.#first);
    const reciprocal = this.#reciprocal;
    let isNew = 0;
    for (let i = 0; i < hashes; i++) {
      const bit = modulo(position, bitsPerShard, reciprocal);
      const byte = bit >>> 3;
      const mask = 0x80 >>> (bit & 7);
      const before = shard[byte] ?? 0;
      isNew |= ~before & mask;
      shard[byte] = before | mask;
      position = (position + step) >>> 0;
    }
    this.#added++;
    if (isNew !== 0) this.#distinct++;
  }
}
