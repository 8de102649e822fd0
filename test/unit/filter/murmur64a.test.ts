import { describe, expect, it } from "vitest";
import { RedisBloomHasher } from "../../../core/filter/murmur64a.ts";
import { xorshift32 } from "./sample-ids.ts";

const M = 0xc6a4a7935bd1e995n;
const mask = 2n ** 64n - 1n;

/** MurmurHash64A written from its definition on BigInt. */
function reference(bytes: Uint8Array, seed: bigint): bigint {
  let h = (seed ^ (BigInt(bytes.length) * M)) & mask;
  const whole = bytes.length - (bytes.length % 8);
  for (let at = 0; at < whole; at += 8) {
    let k = [...bytes.subarray(at, at + 8)].reduceRight((value, byte) => value * 256n + BigInt(byte), 0n);
    k = (k * M) & mask;
    k ^= k >> 47n;
    h = ((h ^ ((k * M) & mask)) * M) & mask;
  }
  if (whole < bytes.length) {
    const tail = [...bytes.subarray(whole)].reduceRight((value, byte) => value * 256n + BigInt(byte), 0n);
    h = ((h ^ tail) * M) & mask;
  }
  h ^= h >> 47n;
  h = (h * M) & mask;
  return h ^ (h >> 47n);
}

function hashes(bytes: Uint8Array, start = 0, end = bytes.length): bigint[] {
  const hasher = new RedisBloomHasher();
  hasher.hash(bytes, start, end);
  const [aHigh = 0, aLow = 0, bHigh = 0, bLow = 0] = hasher.values;
  return [(BigInt(aHigh) << 32n) | BigInt(aLow), (BigInt(bHigh) << 32n) | BigInt(bLow)];
}

describe("RedisBloomHasher", () => {
  it.each([
    ["hello", 0x5ba5b8a59803e699n, 0xa7d451d588a0c2a4n],
    ["a", 0x4292cee227b9150an, 0x7e9b527031f50c11n],
    ["msg:00000001", 0x1518845e9a7e157fn, 0x8083abe86705caa7n],
    ["0123456789abcdef0", 0x64e08134eb3a4633n, 0x0cd8a9cd5913ff62n],
  ])("gives what a live module computes for %j", (text, a, b) => {
    expect(hashes(Buffer.from(text))).toEqual([a, b]);
  });

  it("agrees with the definition for every length, alignment and byte", () => {
    const random = xorshift32(7);
    const bytes = Uint8Array.from({ length: 400 }, () => random());
    for (let length = 0; length <= 300; length++) {
      const start = length % 13;
      const id = bytes.subarray(start, start + length);
      const a = reference(id, M);
      expect(hashes(bytes, start, start + length)).toEqual([a, reference(id, a)]);
    }
    for (let byte = 0; byte < 256; byte++) {
      const id = Uint8Array.of(byte, 255 - byte, byte, 0, byte, byte, 255, byte, byte);
      expect(hashes(id)[0]).toBe(reference(id, M));
    }
  });

  it("hashes an id of a megabyte, and a short one after it", () => {
    const random = xorshift32(3);
    const large = Uint8Array.from({ length: 2 ** 20 + 5 }, () => random());
    const hasher = new RedisBloomHasher();
    hasher.hash(large, 0, large.length);
    const [high = 0, low = 0] = hasher.values;
    expect((BigInt(high) << 32n) | BigInt(low)).toBe(reference(large, M));
    hasher.hash(large, 0, 3);
    expect([...hasher.values.slice(0, 2)]).toEqual(
      [reference(large.subarray(0, 3), M)].flatMap((hash) => [
        Number(hash >> 32n),
        Number(hash & 0xffffffffn),
      ]),
    );
  });

  it("refuses a range that leaves the buffer", () => {
    expect(() => hashes(new Uint8Array(10), 4, 12)).toThrow(RangeError);
  });
});
