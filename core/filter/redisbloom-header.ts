/** One of the bloom filters that a scaling RedisBloom filter consists of. */
export interface RedisBloomLink {
  readonly bytes: number;
  /** The modulus of its bit positions. */
  readonly bits: number;
  /** Ids that were added to it. */
  readonly size: number;
  readonly errorRate: number;
  readonly hashes: number;
  /** Ids that it is sized for. */
  readonly entries: number;
}

const prefixBytes = 20;
const linkBytes = 53;

/**
 * Reads the header that `BF.SCANDUMP key 0` returns: little-endian and packed, `u64 size, u32 nfilters, u32 options,
 * u32 growth`, then for each link `u64 bytes, u64 bits, u64 size, f64 error, f64 bpe, u32 hashes, u64 entries, u8 n2`.
 *
 * @throws RangeError where the length does not fit the number of links
 */
export function parseRedisBloomHeader(header: Buffer): readonly RedisBloomLink[] {
  const count = header.length >= prefixBytes ? header.readUInt32LE(8) : -1;
  if (header.length !== prefixBytes + count * linkBytes) {
    throw new RangeError(`A RedisBloom header of ${header.length} bytes does not hold ${count} filters`);
  }
  return Array.from({ length: count }, (_, index) => {
    const at = prefixBytes + index * linkBytes;
    return {
      bytes: Number(header.readBigUInt64LE(at)),
      bits: Number(header.readBigUInt64LE(at + 8)),
      size: Number(header.readBigUInt64LE(at + 16)),
      errorRate: header.readDoubleLE(at + 24),
      hashes: header.readUInt32LE(at + 40),
      entries: Number(header.readBigUInt64LE(at + 44)),
    };
  });
}

/** Expected share of set bits of a link: `1 - e^(-k n / m)` for n ids of k bits each in m bits. */
export function expectedFillRatio(link: RedisBloomLink): number {
  return 1 - Math.exp((-link.hashes * link.size) / link.bits);
}

/** An id is reported as present when any link reports it: `1 - Π(1 - fill_i^k_i)`. */
export function expectedFalsePositiveRatio(links: readonly RedisBloomLink[]): number {
  return 1 - links.reduce((none, link) => none * (1 - expectedFillRatio(link) ** link.hashes), 1);
}
