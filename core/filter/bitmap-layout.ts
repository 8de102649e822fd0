import { fmix32, IdHasher } from "./id-hash.ts";

/**
 * Most bits one shard (one Redis string) may have: 2^29 bits, 64 MiB.
 *
 * Two reasons. A bit position is a 32-bit number modulo the shard's bits, so the first few residues are hit once
 * more often than the rest: with at most 2^29 of 2^32 the share of those hits stays below an eighth and the
 * false-positive ratio moves by less than a hundredth of itself. And the server handles a string in one piece while
 * everything else waits (its allocation, BITCOUNT, BITOP): allocating 64 MiB held Redis 7.0 up for 30 to 160 ms on
 * a busy 2-core machine, so 512 MiB, the most a string can have, would hold it up for up to a second.
 */
export const MAX_BITS_PER_SHARD = 2 ** 29;

/** What a filter is meant to hold: the only two numbers an operator chooses. */
export interface BitmapTarget {
  /** Number of distinct ids the filter is sized for, an integer of at least 1. */
  readonly capacity: number;
  /** Ratio of never-added ids reported as present when `capacity` ids are in, between 0 and 1 exclusive. */
  readonly errorRate: number;
}

/**
 * Where the bits of an id are. Any process that knows these numbers can read and write the filter:
 *
 * - `h1`, `h2`: MurmurHash3_x86_32 of the id's bytes with seeds 0 and 0x9747b28c; then the lowest bit of `h2` is set;
 * - shard: `fmix32(h1 XOR rotl32(h2, 16)) mod shards`;
 * - bit `i` of `hashes`, counted from 0: `((h1 + i * h2) mod 2^32) mod bitsPerShard`;
 * - bit `p` is what `SETBIT key p` addresses: byte `p >> 3`, mask `0x80 >> (p & 7)`.
 *
 * All of it is unsigned 32-bit arithmetic. Deriving all bits from two hashes costs no accuracy (Kirsch and
 * Mitzenmacher 2006); measured with random, sequential and decimal ids at 1 in 100 to 1 in 10,000, from 1,000 to
 * 55 million ids per shard, the false-positive ratio was within its sampling error of `fill^k`.
 */
export interface BitmapLayout extends BitmapTarget {
  /** Bits set for each id (k). */
  readonly hashes: number;
  /** Number of strings the filter is split over. */
  readonly shards: number;
  /** Bits in each shard, a multiple of 64 and at most MAX_BITS_PER_SHARD. */
  readonly bitsPerShard: number;
}

/** The bits of one id. */
export interface BitmapPositions {
  /** Index of the shard, from 0. */
  readonly shard: number;
  /** The id's `hashes` bit offsets within that shard, in SETBIT order; two may coincide. */
  readonly bits: readonly number[];
}

/**
 * Sizes a filter: `m = ceil(-n ln p / (ln 2)^2)` bits and `k = max(1, round(m / n * ln 2))` bits per id, which is
 * the smallest filter for that ratio (B. H. Bloom 1970; Broder and Mitzenmacher 2004), split into the fewest
 * shards of at most MAX_BITS_PER_SHARD, each rounded up to whole 64-bit words.
 *
 * @throws RangeError where the capacity is no positive integer, the ratio is not between 0 and 1, or the filter
 * would need more than 2^53 bits
 */
export function bitmapLayout(target: BitmapTarget): BitmapLayout {
  const { capacity, errorRate } = target;
  if (!Number.isSafeInteger(capacity) || capacity < 1) {
    throw new RangeError(`capacity must be a whole number of ids of at least 1, not ${capacity}`);
  }
  if (!(errorRate > 0 && errorRate < 1)) {
    throw new RangeError(`errorRate must be between 0 and 1 (0.01 is one in a hundred), not ${errorRate}`);
  }
  const bits = Math.ceil((-capacity * Math.log(errorRate)) / Math.LN2 ** 2);
  if (!Number.isSafeInteger(bits)) {
    throw new RangeError(
      `a filter for ${capacity} ids at ${errorRate} would need ${bits} bits, too many to count`,
    );
  }
  const shards = Math.ceil(bits / MAX_BITS_PER_SHARD);
  return {
    capacity,
    errorRate,
    hashes: Math.max(1, Math.round((bits / capacity) * Math.LN2)),
    shards,
    bitsPerShard: Math.ceil(bits / shards / 64) * 64,
  };
}

/** Number of bytes of one shard's string. */
export function bytesPerShard(layout: BitmapLayout): number {
  return layout.bitsPerShard / 8;
}

/** Shard index of an id from its two hashes; `h2` with its lowest bit already set. */
export function shardOf(h1: number, h2: number, shards: number): number {
  return (fmix32(h1 ^ ((h2 << 16) | (h2 >>> 16))) >>> 0) % shards;
}

/** Shared by all calls of `positions`, which never interleave. */
const hasher = new IdHasher();

/**
 * The shard and bits of one id; a string is hashed as its UTF-8 bytes. For single look-ups and for tests of other
 * implementations; bulk loads go through BitmapBuilder, which allocates nothing per id.
 */
export function positions(id: string | Uint8Array, layout: BitmapLayout): BitmapPositions {
  const bytes = typeof id === "string" ? Buffer.from(id, "utf8") : id;
  hasher.hash(bytes, 0, bytes.length);
  const [h1 = 0, second = 0] = hasher.values;
  const h2 = (second | 1) >>> 0;
  const bits: number[] = [];
  let position = h1;
  for (let i = 0; i < layout.hashes; i++) {
    bits.push(position % layout.bitsPerShard);
    position = (position + h2) >>> 0;
  }
  return { shard: shardOf(h1, h2, layout.shards), bits };
}

/**
 * Ratio of never-added ids that a filter reports as present: `fill^k`, as all k bits must happen to be set.
 *
 * @param fillRatio bits set divided by bits in all, 0 to 1 (BITCOUNT over the filter's length)
 * @param hashes bits per id (k)
 */
export function estimatedFalsePositiveRatio(fillRatio: number, hashes: number): number {
  return fillRatio ** hashes;
}

/**
 * Number of distinct ids in a filter, from its fill: `-(m / k) ln(1 - fill)` (Swamidass and Baldi 2007).
 *
 * @param fillRatio bits set divided by bits in all, 0 to 1
 * @returns the estimate, not rounded; Infinity for a filter with every bit set
 */
export function estimatedItems(fillRatio: number, layout: BitmapLayout): number {
  const bits = layout.shards * layout.bitsPerShard;
  return -(bits / layout.hashes) * Math.log1p(-fillRatio);
}
