import { describe, expect, it } from "vitest";
import { Breaker, rejected } from "../../../fallbacks/guard/breaker.ts";

describe("a breaker that is told when to come back", () => {
  it("is open for that time and lets one probe through after it", () => {
    const breaker = new Breaker();
    breaker.trip(0, 1_000);
    expect(breaker.open).toBe(true);
    expect(breaker.waitMs(0)).toBeGreaterThanOrEqual(1_000);
    expect(breaker.waitMs(0)).toBeLessThanOrEqual(1_250);
    expect(breaker.admit(999)).toBe(rejected);
    const probe = breaker.admit(1_251);
    expect(probe).not.toBe(rejected);
    expect(breaker.admit(1_251)).toBe(rejected);
    breaker.succeeded(probe);
    expect(breaker.open).toBe(false);
    expect(breaker.waitMs(1_251)).toBe(0);
  });

  it("is not closed by an answer to what was sent before", () => {
    const breaker = new Breaker();
    const before = breaker.admit(0);
    breaker.trip(1, 1_000);
    breaker.succeeded(before);
    expect(breaker.open).toBe(true);
  });

  it("keeps the longer of two times", () => {
    const breaker = new Breaker();
    breaker.trip(0, 10_000);
    breaker.trip(1, 100);
    expect(breaker.waitMs(1)).toBeGreaterThan(9_000);
  });

  it("hands the probe on when it came to nothing", () => {
    const breaker = new Breaker();
    breaker.trip(0, 100);
    breaker.withdrawn(breaker.admit(200));
    expect(breaker.admit(200)).not.toBe(rejected);
  });
});
