import { expect, test } from "vitest";
import { modulo, reciprocalOf } from "../../../core/filter/fast-modulo.ts";
import { xorshift32 } from "./sample-ids.ts";

const WORD = 2 ** 32;

test("is exact on both sides of every kind of multiple", () => {
  const next = xorshift32(11);
  const divisors = [1, 2, 3, 63, 64, 65, 2 ** 29 - 64, 2 ** 29, 2 ** 31, WORD - 1, WORD];
  for (let i = 0; i < 2_000; i++) divisors.push(1 + (next() % 2 ** (1 + (i % 32))));
  const wrong: number[][] = [];
  for (const divisor of divisors) {
    const reciprocal = reciprocalOf(divisor);
    const largest = Math.floor((WORD - 1) / divisor);
    const quotients = [0, 1, 2, largest - 1, largest];
    for (let i = 0; i < 50; i++) quotients.push(next() % (largest + 1));
    for (const quotient of quotients) {
      for (const value of [quotient * divisor - 1, quotient * divisor, quotient * divisor + 1]) {
        if (value < 0 || value >= WORD) continue;
        if (modulo(value, divisor, reciprocal) !== value % divisor) wrong.push([value, divisor]);
      }
    }
  }
  expect(wrong).toEqual([]);
});
