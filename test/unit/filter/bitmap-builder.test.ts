import { describe, expect, test } from "vitest";
import { BitmapBuilder } from "../../../core/filter/bitmap-builder.ts";
import {
  type BitmapLayout,
  bitmapLayout,
  bytesPerShard,
  estimatedFalsePositiveRatio,
  estimatedItems,
  MAX_BITS_PER_SHARD,
  positions,
} from "../../../core/filter/bitmap-layout.ts";
import { sequential, uuids } from "./sample-ids.ts";

function add(builder: BitmapBuilder, id: string): void {
  const bytes = Buffer.from(`<${id}>`);
  builder.addRange(bytes, 1, bytes.length - 1);
}

function has(builder: BitmapBuilder, id: string): boolean {
  const { shard, bits } = positions(id, builder.layout);
  return bits.every((bit) => ((builder.shards[shard]?.[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0);
}

function fillRatio(builder: BitmapBuilder): number {
  let set = 0;
  for (const shard of builder.shards) {
    for (const byte of shard) for (let rest = byte; rest !== 0; rest &= rest - 1) set++;
  }
  return set / (builder.layout.shards * builder.layout.bitsPerShard);
}

function split(layout: BitmapLayout, shards: number): BitmapLayout {
  return { ...layout, shards, bitsPerShard: Math.ceil(layout.bitsPerShard / shards / 64) * 64 };
}

const single = bitmapLayout({ capacity: 200_000, errorRate: 0.01 });

describe("BitmapBuilder", () => {
  test.each([
    single,
    split(single, 9),
    { ...single, hashes: 3, bitsPerShard: 64 },
    { ...single, hashes: 13, bitsPerShard: MAX_BITS_PER_SHARD },
    { ...single, hashes: 1, bitsPerShard: MAX_BITS_PER_SHARD - 64 },
  ])("sets exactly the bits of the layout: $shards x $bitsPerShard", (layout) => {
    const builder = new BitmapBuilder(layout);
    const expected = new Map<string, number>();
    const id = uuids(3);
    for (let i = 0; i < 2_000; i++) {
      const text = id();
      add(builder, text);
      const { shard, bits } = positions(text, layout);
      for (const bit of bits) {
        const byte = `${shard}:${bit >> 3}`;
        expected.set(byte, (expected.get(byte) ?? 0) | (0x80 >> (bit & 7)));
      }
    }
    const found = new Map<string, number>();
    for (const [shard, bytes] of builder.shards.entries()) {
      for (let at = 0; at < bytes.length; at++) if (bytes[at]) found.set(`${shard}:${at}`, bytes[at] ?? 0);
    }
    expect(found.size).toBe(expected.size);
    expect([...expected].filter(([byte, bits]) => found.get(byte) !== bits)).toEqual([]);
  });

  test("counts what was added and allocates every shard at once", () => {
    const builder = new BitmapBuilder(split(single, 5));
    expect(builder.shards.map((shard) => shard.length)).toEqual(
      new Array(5).fill(bytesPerShard(builder.layout)),
    );
    add(builder, "x");
    add(builder, "x");
    expect(builder.added).toBe(2);
  });

  test.each([
    { name: "random ids, one shard", layout: single, ids: () => uuids(17) },
    { name: "random ids, 16 shards", layout: split(single, 16), ids: () => uuids(18) },
    { name: "sequential ids, one shard", layout: single, ids: sequential },
    { name: "sequential ids, 16 shards", layout: split(single, 16), ids: sequential },
  ])("has the false-positive ratio it was sized for, and no false negative: $name", ({ layout, ids }) => {
    const builder = new BitmapBuilder(layout);
    const id = ids();
    const kept: string[] = [];
    for (let i = 0; i < layout.capacity; i++) {
      const text = id();
      if (i % 20 === 0) kept.push(text);
      add(builder, text);
    }
    expect(kept.filter((text) => !has(builder, text))).toEqual([]);
    let positives = 0;
    for (let i = 0; i < 200_000; i++) if (has(builder, id())) positives++;
    expect(positives / 200_000).toBeGreaterThan(0.008);
    expect(positives / 200_000).toBeLessThan(0.012);
    const fill = fillRatio(builder);
    expect(estimatedFalsePositiveRatio(fill, layout.hashes)).toBeCloseTo(0.01, 3);
    expect(estimatedItems(fill, layout) / layout.capacity).toBeCloseTo(1, 2);
  });
});
