/** What a RedisBloom filter is meant to hold. */
export interface RedisBloomTarget {
  readonly capacity: number;
  /** The error rate that was given to BF.RESERVE, between 0 and 1 exclusive. */
  readonly errorRate: number;
  /** Whether the module adds further filters when this one is full, as it does unless told NONSCALING. */
  readonly scaling: boolean;
}

/** A RedisBloom filter of one link, as BF.RESERVE sizes it. */
export interface RedisBloomLayout extends RedisBloomTarget {
  /** The link's own error rate: half of the given one where it scales. */
  readonly linkErrorRate: number;
  readonly bitsPerEntry: number;
  readonly hashes: number;
  /** Length of the bits, a multiple of 8. */
  readonly bytes: number;
  /** The modulus of bit positions. */
  readonly bits: number;
}

/** The module's own constants: (ln 2)^2 and ln 2. */
const LN2_SQUARED = 0.480453013918201;
// biome-ignore lint/suspicious/noApproximativeNumericConstant: the module rounds it so, and its sizes must be met to the byte
const LN2 = 0.693147180559945;
/** How much smaller the error rate of each further link is, beginning with the first. */
const TIGHTENING = 0.5;
/** A further link has this many times the capacity, unless told otherwise. */
const GROWTH = 2;
/** Flags in the header: no rounding of the size to a power of two, 64-bit hashes, no further links. */
const NO_ROUND = 1;
const FORCE_64 = 4;
const NO_SCALING = 8;
const PREFIX_BYTES = 20;
const LINK_BYTES = 53;

/** Sizes a filter as BF.RESERVE does, to the byte. Source: RedisBloom 2.4, `bloom_init` and `SB_NewChain`. */
export function redisBloomLayout(target: RedisBloomTarget): RedisBloomLayout {
  const linkErrorRate = target.scaling ? target.errorRate * TIGHTENING : target.errorRate;
  const bitsPerEntry = -(Math.log(linkErrorRate) / LN2_SQUARED);
  const bytes = Math.ceil(Math.floor(target.capacity * bitsPerEntry) / 64) * 8;
  return {
    ...target,
    linkErrorRate,
    bitsPerEntry,
    hashes: Math.ceil(LN2 * bitsPerEntry),
    bytes,
    bits: bytes * 8,
  };
}

/** Writes the header with which BF.LOADCHUNK creates the filter; parseRedisBloomHeader says what is where. */
export function redisBloomHeader(layout: RedisBloomLayout, ids: number): Buffer {
  const header = Buffer.alloc(PREFIX_BYTES + LINK_BYTES);
  const uint64 = (value: number, at: number) => header.writeBigUInt64LE(BigInt(value), at);
  uint64(ids, 0);
  header.writeUInt32LE(1, 8);
  header.writeUInt32LE(NO_ROUND | FORCE_64 | (layout.scaling ? 0 : NO_SCALING), 12);
  header.writeUInt32LE(GROWTH, 16);
  uint64(layout.bytes, 20);
  uint64(layout.bits, 28);
  uint64(ids, 36);
  header.writeDoubleLE(layout.linkErrorRate, 44);
  header.writeDoubleLE(layout.bitsPerEntry, 52);
  header.writeUInt32LE(layout.hashes, 60);
  uint64(layout.capacity, 64);
  return header;
}
