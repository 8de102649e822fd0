import { expect, test } from "vitest";
import { keyMatcher } from "../../../core/redis/key-pattern.ts";
import { roleKeys, roleKeysWithoutTtl, sumOf } from "../../../exporters/redis/key-estimates.ts";
import type { KeySample } from "../../../exporters/redis/key-sample.ts";

const nothing: KeySample = {
  keys: 0,
  withoutTtl: 0,
  drawn: 0,
  matching: 0,
  distinct: 0,
  distinctMatching: 0,
  met: [],
  witnesses: 0,
  witnessesMatching: 0,
};
const sampled = (parts: Partial<KeySample>): KeySample => ({ ...nothing, ...parts });

test("keys are counted where all were drawn, and none is none", () => {
  expect(roleKeys(nothing)).toEqual({ value: 0, standardError: 0 });
  const all = sampled({ keys: 9, drawn: 200, matching: 130, distinct: 9, distinctMatching: 6 });
  expect(roleKeys(all)).toEqual({ value: 6, standardError: 0 });
});

test("the error of an estimate is the spread that random samples have", () => {
  const total = 10_000;
  const own = 3_000;
  const estimates = Array.from({ length: 2_000 }, () => {
    const matching = Array.from({ length: 200 }, () => Math.random() < own / total).filter(Boolean).length;
    return roleKeys(
      sampled({ keys: total, drawn: 200, matching, distinct: 198, distinctMatching: matching }),
    );
  });
  const mean = estimates.reduce((sum, { value }) => sum + value, 0) / estimates.length;
  const spread = Math.sqrt(
    estimates.reduce((sum, { value }) => sum + (value - mean) ** 2, 0) / estimates.length,
  );
  expect(Math.abs(mean - own)).toBeLessThan(50);
  expect((estimates[0]?.standardError ?? 0) / spread).toBeGreaterThan(0.7);
  expect((estimates[0]?.standardError ?? 0) / spread).toBeLessThan(1.4);
});

test("a sample of hits alone is not certain, unless it saw everything", () => {
  const hits = { drawn: 200, matching: 200, distinct: 199, distinctMatching: 199 };
  expect(roleKeys(sampled({ keys: 1_000, ...hits })).standardError).toBeGreaterThan(0);
  expect(roleKeys(sampled({ keys: 199, ...hits })).standardError).toBe(0);
});

test("keys without a time to live are the server’s count, shared out by those that were met", () => {
  const server = { keys: 1_000_010, withoutTtl: 10, drawn: 200, matching: 200, distinct: 200 };
  const unmet = roleKeysWithoutTtl(sampled(server));
  expect(unmet.value).toBe(10);
  expect(unmet.standardError).toBeGreaterThan(0);
  expect(roleKeysWithoutTtl(sampled({ ...server, witnesses: 4, witnessesMatching: 1 })).value).toBe(2.5);
  expect(roleKeysWithoutTtl(sampled({ ...server, witnesses: 10, witnessesMatching: 3 }))).toEqual({
    value: 3,
    standardError: 0,
  });
  expect(roleKeysWithoutTtl(sampled({ ...server, withoutTtl: 0 }))).toEqual({ value: 0, standardError: 0 });
});

test("errors of shards add up as those of independent numbers do", () => {
  const parts = [
    { value: 1, standardError: 3 },
    { value: 2, standardError: 4 },
  ];
  expect(sumOf(parts)).toEqual({ value: 3, standardError: 5 });
});

test.each([
  ["conn:{user_id}", "conn:u1", true],
  ["conn:{user_id}", "conn:", false],
  ["conn:{user_id}", "xconn:u1", false],
  ["conn.{user_id}", "connXu1", false],
  ["{user_id}:conn(1)*", "u1:conn(1)*", true],
  ["{user_id}:conn(1)*", "u1:conn1", false],
  ["a:{user_id}:b", "a:line\nbreak:b", true],
  ["a:{user_id}:b", "a::b", false],
])("of the pattern %s, %j is a key: %s", (pattern, key, expected) => {
  expect(keyMatcher(pattern, "{user_id}")(key)).toBe(expected);
});
