import { describe, expect, it } from "vitest";
import {
  expectedFalsePositiveRatio,
  expectedFillRatio,
  parseRedisBloomHeader,
  type RedisBloomLink,
} from "../../../core/filter/redisbloom-header.ts";

/** Dumped by a live RedisBloom module; both filters hold the same four ids. */
const dumps = {
  scaling: {
    header:
      "04000000000000000100000005000000020000009000000000000000800400000000000004000000000000007b14ae47e17a743fe9862fb2350e264008000000640000000000000000",
    bits: "000000004000000000200000020010000000200000100000040000020000000002000120000000000000000002000000000000000000000000400000000002002000000a00000000000000000000008000000000000008000020000000008100000020080002002800000000000200800000000000000020000000000000000000040000000000000000008000000000",
    link: { bytes: 144, bits: 1152, size: 4, errorRate: 0.005, hashes: 8, entries: 100 },
  },
  nonscaling: {
    header:
      "0400000000000000010000000d000000020000007800000000000000c00300000000000004000000000000007b14ae47e17a843f88168ac58c2b234007000000640000000000000000",
    bits: "04000000400000000004000000020080002000020000002000000000000000080000000000000000000000080010800000000000000000000000000002001800200000000000000000000008000000a000400020000000000000000000000000000000020002000000200000000002000000208000000100",
    link: { bytes: 120, bits: 960, size: 4, errorRate: 0.01, hashes: 7, entries: 100 },
  },
} as const;

const bitsSet = (bytes: Buffer) =>
  bytes.reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0);

describe.each(Object.entries(dumps))("the header of a %s filter", (_name, { header, bits, link }) => {
  it("is read as the module wrote it", () => {
    expect(parseRedisBloomHeader(Buffer.from(header, "hex"))).toEqual([link]);
    expect(Buffer.from(bits, "hex").length).toBe(link.bytes);
  });

  it("foretells the share of set bits", () => {
    const actual = bitsSet(Buffer.from(bits, "hex")) / link.bits;
    expect(expectedFillRatio(link)).toBeCloseTo(actual, 2);
  });

  it("is refused when it is cut short, too long or empty", () => {
    const whole = Buffer.from(header, "hex");
    for (const broken of [whole.subarray(0, -1), Buffer.concat([whole, Buffer.alloc(1)]), Buffer.alloc(0)]) {
      expect(() => parseRedisBloomHeader(broken)).toThrow(RangeError);
    }
  });
});

describe("several links", () => {
  const full: RedisBloomLink = { bytes: 120, bits: 960, size: 100, errorRate: 0.01, hashes: 7, entries: 100 };

  it("are read one after the other", () => {
    const header = Buffer.from(dumps.scaling.header, "hex");
    header.writeUInt32LE(2, 8);
    const two = Buffer.concat([header, Buffer.from(dumps.nonscaling.header, "hex").subarray(20)]);
    expect(parseRedisBloomHeader(two)).toEqual([dumps.scaling.link, dumps.nonscaling.link]);
  });

  it("report a false positive when any of them does", () => {
    const one = expectedFalsePositiveRatio([full]);
    expect(one).toBeCloseTo(0.01, 2);
    expect(expectedFalsePositiveRatio([full, full])).toBeCloseTo(1 - (1 - one) ** 2, 10);
    expect(expectedFalsePositiveRatio([])).toBe(0);
  });
});
