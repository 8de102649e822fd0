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
 * Reads the header that `BF.SCANDUMP key 0` returns. All numbers are little-endian, without padding. 20 bytes come first
 * (ids in all, number of links, flags, growth factor); each link then has 53: its bytes, bits and ids, its error and bits
 * per entry as doubles, its hashes, its capacity, and a last byte that is always 0.
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
