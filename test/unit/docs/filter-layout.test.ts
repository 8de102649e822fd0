import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { bitmapLayout, positions } from "../../../core/filter/bitmap-layout.ts";

const document = readFileSync(new URL("../../../docs/filter-layout.md", import.meta.url), "utf8");
const vectors = [...document.matchAll(/^\| `([^`]+)` +\| ([\d,]+) +\| (\d+) +\| ([\d, ]+?) +\|$/gm)].map(
  ([, id = "", capacity = "", shard, bits = ""]) => ({
    id,
    capacity: Number(capacity.replaceAll(",", "")),
    shard: Number(shard),
    bits: bits.split(", ").map(Number),
  }),
);

it("documents vectors for one shard and for several", () => {
  expect(vectors).toHaveLength(6);
});

it.each(vectors)(
  "places $id of a filter for $capacity ids where the document says",
  ({ id, capacity, shard, bits }) => {
    expect(positions(id, bitmapLayout({ capacity, errorRate: 0.01 }))).toEqual({ shard, bits });
  },
);
