import { describe, expect, test } from "vitest";
import { IdHasher } from "../../../core/filter/id-hash.ts";
import { xorshift32 } from "./sample-ids.ts";

const SECOND_SEED = 0x9747b28c;

function hashes(bytes: Uint8Array, start = 0, end = bytes.length): number[] {
  const hasher = new IdHasher();
  hasher.hash(bytes, start, end);
  return [...hasher.values];
}

/** MurmurHash3_x86_32 written from its definition on BigInt, one value at a time, as slow as it is plain. */
function referenceHash(bytes: Uint8Array, seed: number): number {
  const word = 2n ** 32n;
  const rotl = (x: bigint, r: bigint) => ((x << r) | (x >> (32n - r))) % word;
  const scramble = (k: bigint) => (rotl((k * 0xcc9e2d51n) % word, 15n) * 0x1b873593n) % word;
  let h = BigInt(seed);
  for (let at = 0; at < bytes.length; at += 4) {
    const block = [...bytes.subarray(at, at + 4)];
    const k = block.reduceRight((value, byte) => value * 256n + BigInt(byte), 0n);
    h ^= scramble(k);
    if (block.length === 4) h = (rotl(h, 13n) * 5n + 0xe6546b64n) % word;
  }
  h ^= BigInt(bytes.length);
  h = ((h ^ (h >> 16n)) * 0x85ebca6bn) % word;
  h = ((h ^ (h >> 13n)) * 0xc2b2ae35n) % word;
  return Number(h ^ (h >> 16n));
}

describe("IdHasher", () => {
  test.each([
    ["", 0x00000000],
    ["ffffffff", 0x76293b50],
    ["21436587", 0xf55b516b],
    ["214365", 0x7e4a8634],
    ["2143", 0xa0f7b07a],
    ["21", 0x72661cf4],
    ["00000000", 0x2362f9de],
    ["000000", 0x85f0b427],
    ["0000", 0x30f4c306],
    ["00", 0x514e28b7],
  ])("gives the published value of bytes %s for seed 0", (hex, expected) => {
    expect(hashes(Buffer.from(hex, "hex"))[0]).toBe(expected);
  });

  test.each([
    ["a", 0x7fa09ea6],
    ["aa", 0x5d211726],
    ["aaa", 0x283e0130],
    ["aaaa", 0x5a97808a],
    ["ab", 0x74875592],
    ["abc", 0xc84a62dd],
    ["abcd", 0xf0478627],
    ["Hello, world!", 0x24884cba],
    ["The quick brown fox jumps over the lazy dog", 0x2fa826cd],
    ["ππππππππ", 0xd58063c1],
  ])("gives the published value of %j for seed 0x9747b28c", (text, expected) => {
    expect(hashes(Buffer.from(text))[1]).toBe(expected);
  });

  test("agrees with an independent implementation for random bytes of every length up to 70", () => {
    const next = xorshift32(7);
    for (let length = 0; length <= 70; length++) {
      for (let repeat = 0; repeat < 20; repeat++) {
        const bytes = Uint8Array.from({ length }, () => next() & 0xff);
        expect(hashes(bytes)).toEqual([referenceHash(bytes, 0), referenceHash(bytes, SECOND_SEED)]);
      }
    }
  });

  test("hashes only the given range, at any alignment and in a view of a larger buffer", () => {
    const id = Buffer.from("3f2b8c1e-77aa-4d0e-9c55-0123456789ab");
    const expected = hashes(id);
    const whole = new Uint8Array(128).fill(0xa5);
    for (let start = 0; start < 9; start++) {
      whole.set(id, 16 + start);
      expect(hashes(whole.subarray(16), start, start + id.length)).toEqual(expected);
    }
  });

  test("follows a caller that changes buffers and comes back", () => {
    const hasher = new IdHasher();
    const [one, two] = [Buffer.from("one"), Buffer.from("two!")];
    const seen = [one, two, one, two].map((bytes) => {
      hasher.hash(bytes, 0, bytes.length);
      return [...hasher.values];
    });
    expect(seen).toEqual([hashes(one), hashes(two), hashes(one), hashes(two)]);
  });

  test("refuses a range beyond the buffer", () => {
    expect(() => hashes(Buffer.from("abc"), 0, 4)).toThrow(RangeError);
  });
});
