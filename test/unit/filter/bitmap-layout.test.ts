import { describe, expect, test } from "vitest";
import {
  bitmapLayout,
  bytesPerShard,
  estimatedFalsePositiveRatio,
  estimatedItems,
  MAX_BITS_PER_SHARD,
  positions,
} from "../../../core/filter/bitmap-layout.ts";

describe("bitmapLayout", () => {
  test("sizes by the textbook formula, rounded up to whole words", () => {
    // 3,000,000 x 9.585 bits = 28,755,176; the next multiple of 64 is 28,755,200.
    expect(bitmapLayout({ capacity: 3_000_000, errorRate: 0.01 })).toEqual({
      capacity: 3_000_000,
      errorRate: 0.01,
      hashes: 7,
      shards: 1,
      bitsPerShard: 28_755_200,
    });
    expect(bitmapLayout({ capacity: 1000, errorRate: 0.001 })).toMatchObject({
      hashes: 10,
      bitsPerShard: 14_400,
    });
    expect(bitmapLayout({ capacity: 1, errorRate: 0.99 })).toMatchObject({ hashes: 1, bitsPerShard: 64 });
  });

  test("splits only what is larger than the largest shard", () => {
    const fits = bitmapLayout({ capacity: 56_000_000, errorRate: 0.01 });
    const splits = bitmapLayout({ capacity: 57_000_000, errorRate: 0.01 });
    expect(fits.shards).toBe(1);
    expect(splits.shards).toBe(2);
    expect(bytesPerShard(splits) * 2).toBeLessThan(bytesPerShard(fits) * 1.02);
  });

  test("keeps every shard within the bound and of whole words, whatever the target", () => {
    for (const errorRate of [0.5, 0.1, 0.01, 1e-3, 1e-6, 1e-9]) {
      for (const capacity of [1, 10, 999, 56_012_345, 500_000_000, 3_000_000_000]) {
        const layout = bitmapLayout({ capacity, errorRate });
        expect(layout.bitsPerShard % 64).toBe(0);
        expect(layout.bitsPerShard).toBeLessThanOrEqual(MAX_BITS_PER_SHARD);
        expect(layout.shards * layout.bitsPerShard).toBeGreaterThanOrEqual(
          Math.floor((capacity * -Math.log(errorRate)) / Math.LN2 ** 2),
        );
      }
    }
  });

  test.each([
    { capacity: 0, errorRate: 0.01 },
    { capacity: 1.5, errorRate: 0.01 },
    { capacity: Number.NaN, errorRate: 0.01 },
    { capacity: 100, errorRate: 0 },
    { capacity: 100, errorRate: 1 },
    { capacity: 100, errorRate: Number.NaN },
    { capacity: Number.MAX_SAFE_INTEGER, errorRate: 0.01 },
  ])("refuses %j", (target) => {
    expect(() => bitmapLayout(target)).toThrow(RangeError);
  });
});

describe("positions", () => {
  test.each([
    // The id and its published murmur3_x86_32 values for seeds 0 and 0x9747b28c.
    { id: "a", h1: 0x3c2569b2n, h2: 0x7fa09ea6n },
    { id: "abc", h1: 0xb3dd93fan, h2: 0xc84a62ddn },
  ])("follow the written rule from the published hashes of $id", ({ id, h1, h2 }) => {
    const word = 2n ** 32n;
    const step = h2 | 1n;
    let mixed = h1 ^ (((step << 16n) % word) | (step >> 16n));
    mixed = ((mixed ^ (mixed >> 16n)) * 0x85ebca6bn) % word;
    mixed = ((mixed ^ (mixed >> 13n)) * 0xc2b2ae35n) % word;
    mixed ^= mixed >> 16n;
    const layout = { capacity: 1, errorRate: 0.01, hashes: 9, shards: 11, bitsPerShard: 6400 };
    expect(positions(id, layout)).toEqual({
      shard: Number(mixed % 11n),
      bits: Array.from({ length: 9 }, (_, i) => Number(((h1 + BigInt(i) * step) % word) % 6400n)),
    });
  });

  test("are what other implementations of the layout are checked against", () => {
    const layout = { capacity: 1, errorRate: 0.01, hashes: 4, shards: 5, bitsPerShard: 1_000_000_000 };
    expect(["msg:00000001", "a", ""].map((id) => positions(id, layout))).toMatchInlineSnapshot(`
      [
        {
          "bits": [
            967646304,
            638242861,
            13872122,
            389501383,
          ],
          "shard": 4,
        },
        {
          "bits": [
            9084850,
            150317657,
            996583168,
            137815975,
          ],
          "shard": 3,
        },
        {
          "bits": [
            0,
            954623017,
            614278738,
            273934459,
          ],
          "shard": 3,
        },
      ]
    `);
  });

  test("take a string as its UTF-8 bytes", () => {
    const layout = bitmapLayout({ capacity: 1000, errorRate: 0.01 });
    expect(positions("büro-π", layout)).toEqual(positions(Buffer.from("büro-π", "utf8"), layout));
  });

  test("spread ids evenly over the shards", () => {
    const layout = { capacity: 1, errorRate: 0.01, hashes: 1, shards: 7, bitsPerShard: 64 };
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 70_000; i++) {
      const { shard } = positions(`user-${i}`, layout);
      counts[shard] = (counts[shard] ?? 0) + 1;
    }
    // Binomial with mean 10,000 and standard deviation 93: five of them.
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(465);
  });
});

test("the false-positive ratio is the fill to the power of the hashes", () => {
  expect(estimatedFalsePositiveRatio(0.5, 7)).toBeCloseTo(1 / 128, 12);
  expect(estimatedFalsePositiveRatio(0, 7)).toBe(0);
  expect(estimatedFalsePositiveRatio(1, 7)).toBe(1);
});

test("the number of items follows from the fill", () => {
  const layout = bitmapLayout({ capacity: 1000, errorRate: 0.01 });
  const fill = 1 - Math.exp((-layout.hashes * 1000) / layout.bitsPerShard);
  expect(estimatedItems(fill, layout)).toBeCloseTo(1000, 6);
  expect(estimatedItems(0, layout)).toBeCloseTo(0, 12);
  expect(estimatedItems(1, layout)).toBe(Number.POSITIVE_INFINITY);
});
