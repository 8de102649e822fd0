import { describe, expect, it } from "vitest";
import { RedisBloomHasher } from "../../../core/filter/murmur64a.ts";
import { RedisBloomBuilder, redisBloomPieces } from "../../../core/filter/redisbloom-builder.ts";
import { parseRedisBloomHeader } from "../../../core/filter/redisbloom-header.ts";
import { redisBloomHeader, redisBloomLayout } from "../../../core/filter/redisbloom-layout.ts";

/** Dumped by a live module that was given these ids. */
const golden = ["hello", "a", "msg:00000001", "0123456789abcdef0"];
const dumps = [
  {
    scaling: true,
    header:
      "04000000000000000100000005000000020000009000000000000000800400000000000004000000000000007b14ae47e17a743fe9862fb2350e264008000000640000000000000000",
    bits: "000000004000000000200000020010000000200000100000040000020000000002000120000000000000000002000000000000000000000000400000000002002000000a00000000000000000000008000000000000008000020000000008100000020080002002800000000000200800000000000000020000000000000000000040000000000000000008000000000",
  },
  {
    scaling: false,
    header:
      "0400000000000000010000000d000000020000007800000000000000c00300000000000004000000000000007b14ae47e17a843f88168ac58c2b234007000000640000000000000000",
    bits: "04000000400000000004000000020080002000020000002000000000000000080000000000000000000000080010800000000000000000000000000002001800200000000000000000000008000000a000400020000000000000000000000000000000020002000000200000000002000000208000000100",
  },
];

function add(builder: RedisBloomBuilder, ids: readonly string[]): void {
  for (const id of ids) builder.addRange(Buffer.from(id), 0, Buffer.byteLength(id));
}

/** Bit positions of an id by the definition, on BigInt. */
function positions(id: string, bits: number, hashes: number): bigint[] {
  const hasher = new RedisBloomHasher();
  hasher.hash(Buffer.from(id), 0, Buffer.byteLength(id));
  const [aHigh = 0, aLow = 0, bHigh = 0, bLow = 0] = [...hasher.values].map(BigInt);
  const a = (BigInt(aHigh) << 32n) | BigInt(aLow);
  const b = (BigInt(bHigh) << 32n) | BigInt(bLow);
  return Array.from({ length: hashes }, (_, i) => ((a + BigInt(i) * b) % 2n ** 64n) % BigInt(bits));
}

describe("RedisBloomBuilder", () => {
  it.each(dumps)("builds what a live module has, scaling: $scaling", ({ scaling, header, bits }) => {
    const layout = redisBloomLayout({ capacity: 100, errorRate: 0.01, scaling });
    const builder = new RedisBloomBuilder(layout);
    add(builder, [...golden, ...golden]);
    expect(Buffer.from(builder.bits).toString("hex")).toBe(bits);
    expect(redisBloomHeader(layout, builder.distinct).toString("hex")).toBe(header);
  });

  it("counts an id only when one of its bits was unset", () => {
    const builder = new RedisBloomBuilder(
      redisBloomLayout({ capacity: 1_000, errorRate: 0.01, scaling: true }),
    );
    add(builder, golden);
    add(builder, golden);
    expect(builder.distinct).toBe(4);
    const many = Array.from({ length: 1_000 }, (_, n) => `id-${n}`);
    add(builder, many);
    expect(builder.distinct).toBeGreaterThan(990);
    expect(Math.abs(builder.estimatedIds() - builder.distinct)).toBeLessThan(25);
  });

  // 2^30 bits and fewer take one way, more another one.
  it.each([100, 1_000_000, 90_000_000, 110_000_000])(
    "sets the bits of the definition in a filter for %i ids",
    (capacity) => {
      const layout = redisBloomLayout({ capacity, errorRate: 0.01, scaling: true });
      const builder = new RedisBloomBuilder(layout);
      const ids = Array.from({ length: 8 }, (_, n) => `some id ${n * 7919}`);
      add(builder, ids);
      const expected = new Map<number, number>();
      for (const position of ids.flatMap((id) => positions(id, layout.bits, layout.hashes))) {
        const byte = Number(position >> 3n);
        expected.set(byte, (expected.get(byte) ?? 0) | (1 << Number(position & 7n)));
      }
      for (const [byte, value] of expected) expect(builder.bits[byte]).toBe(value);
      const used = builder.shards.reduce(
        (sum, piece) =>
          sum + (Buffer.from(piece.buffer, piece.byteOffset, piece.length).some(Boolean) ? 1 : 0),
        0,
      );
      expect(used).toBeGreaterThan(0);
      expect(redisBloomPieces(layout).at(-1)?.end).toBe(layout.bytes);
    },
  );

  it("writes a header that is read back", () => {
    const layout = redisBloomLayout({ capacity: 5_000_000_000, errorRate: 0.001, scaling: false });
    expect(parseRedisBloomHeader(redisBloomHeader(layout, 4_999_999_999))).toEqual([
      {
        bytes: layout.bytes,
        bits: layout.bits,
        size: 4_999_999_999,
        errorRate: 0.001,
        hashes: layout.hashes,
        entries: 5_000_000_000,
      },
    ]);
  });

  it("refuses what is too large for its arithmetic", () => {
    const layout = redisBloomLayout({ capacity: 1e10, errorRate: 0.01, scaling: true });
    expect(() => new RedisBloomBuilder(layout)).toThrow(RangeError);
  });
});
