import { describe, expect, it } from "vitest";
import { Breaker, type BreakerOptions, rejected } from "../../../fallbacks/guard/breaker.ts";

/** The spread of the back-off. */
const spread = { min: 0.75, max: 1.25 };

function opened(options: BreakerOptions = {}, at = 0): Breaker {
  const breaker = new Breaker(options);
  while (!breaker.open) breaker.failed(breaker.admit(at), at);
  return breaker;
}

/** Lets the next probe fail. Returns the time after which it was admitted for certain. */
function failProbe(breaker: Breaker, at: number, backoff: number): number {
  expect(breaker.admit(at + backoff * spread.min - 0.001)).toBe(rejected);
  const later = at + backoff * spread.max;
  const probe = breaker.admit(later);
  expect(probe).not.toBe(rejected);
  expect(breaker.failed(probe, later)).toBe(true);
  return later;
}

describe("a breaker", () => {
  it("opens at the fifth failure in a row and not before", () => {
    const breaker = new Breaker();
    for (let failure = 1; failure <= 4; failure += 1) {
      expect(breaker.failed(breaker.admit(0), 0)).toBe(false);
      expect(breaker.open).toBe(false);
    }
    expect(breaker.failed(breaker.admit(0), 0)).toBe(true);
    expect(breaker.open).toBe(true);
    expect(breaker.admit(0)).toBe(rejected);
  });

  it("stays closed as long as successes keep up with failures, and opens when they do not", () => {
    const breaker = new Breaker();
    for (let call = 0; call < 1_000; call += 1) {
      breaker.failed(breaker.admit(0), 0);
      breaker.succeeded(breaker.admit(0));
    }
    expect(breaker.open).toBe(false);
    for (let call = 0; call < 5; call += 1) {
      breaker.failed(breaker.admit(0), 0);
      breaker.failed(breaker.admit(0), 0);
      breaker.succeeded(breaker.admit(0));
    }
    expect(breaker.open).toBe(true);
  });

  it("does not save successes up", () => {
    const breaker = new Breaker();
    for (let call = 0; call < 1_000; call += 1) breaker.succeeded(breaker.admit(0));
    for (let call = 0; call < 5; call += 1) breaker.failed(breaker.admit(0), 0);
    expect(breaker.open).toBe(true);
  });

  it("lets one probe through after the back-off, and no other call beside it", () => {
    const breaker = opened();
    expect(breaker.admit(74)).toBe(rejected);
    const probe = breaker.admit(125);
    expect(probe).not.toBe(rejected);
    expect(breaker.admit(10_000)).toBe(rejected);
    expect(breaker.open).toBe(true);
    breaker.succeeded(probe);
    expect(breaker.open).toBe(false);
    expect(breaker.admit(125)).not.toBe(rejected);
  });

  it("doubles the back-off with each failed probe up to the longest one, and begins anew after a success", () => {
    const breaker = opened({ minBackoffMs: 100, maxBackoffMs: 500 });
    let at = failProbe(breaker, 0, 100);
    at = failProbe(breaker, at, 200);
    at = failProbe(breaker, at, 400);
    at = failProbe(breaker, at, 500);
    at = failProbe(breaker, at, 500);
    breaker.succeeded(breaker.admit(at + 1_000));
    for (let call = 0; call < 5; call += 1) breaker.failed(breaker.admit(at), at);
    failProbe(breaker, at, 100);
  });

  it("spreads the probes of a fleet", () => {
    const first = Array.from({ length: 200 }, () => {
      const breaker = opened();
      let at = 0;
      while (breaker.admit(at) === rejected) at += 1;
      return at;
    });
    expect(Math.min(...first)).toBeGreaterThanOrEqual(75);
    expect(Math.max(...first)).toBeLessThanOrEqual(125);
    expect(new Set(first).size).toBeGreaterThan(10);
  });

  it("does not count results of calls that were let through before it opened or closed", () => {
    const breaker = new Breaker();
    const early = Array.from({ length: 20 }, () => breaker.admit(0));
    const results = early.map((admission) => breaker.failed(admission, 0));
    expect(results.filter(Boolean)).toHaveLength(1);
    const [late = rejected] = early;
    breaker.succeeded(late);
    expect(breaker.open).toBe(true);
    const probe = breaker.admit(1_000);
    breaker.failed(late, 1_000);
    breaker.succeeded(probe);
    expect(breaker.open).toBe(false);
    for (const admission of early) breaker.failed(admission, 1_000);
    expect(breaker.open).toBe(false);
  });

  it("does without a probe that came to nothing: the next call is one", () => {
    const breaker = opened();
    breaker.withdrawn(breaker.admit(1_000));
    expect(breaker.open).toBe(true);
    expect(breaker.admit(1_000)).not.toBe(rejected);
  });

  it("takes a threshold of its own", () => {
    const breaker = new Breaker({ failureThreshold: 1 });
    expect(breaker.failed(breaker.admit(0), 0)).toBe(true);
  });
});
