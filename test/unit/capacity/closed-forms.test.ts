import { describe, expect, test } from "vitest";
import {
  defaultedWhileWarming,
  drainSeconds,
  filterBytes,
  sawtooth,
  secondsToWarm,
  servedAtMost,
  turnedAway,
  within,
} from "../../../operations/capacity/closed-forms.ts";

describe("the closed forms", () => {
  test("turn away what Erlang's tables say, and what M/M/1/K does", () => {
    expect(turnedAway(1, 1, 1)).toBeCloseTo(0.5, 10);
    // Erlang B for 5 erlangs on 5 and on 10 lines.
    expect(turnedAway(5, 5, 5)).toBeCloseTo(0.28487, 5);
    expect(turnedAway(5, 10, 10)).toBeCloseTo(0.01838, 5);
    const load = 0.8;
    expect(turnedAway(load, 1, 6)).toBeCloseTo(((1 - load) * load ** 6) / (1 - load ** 7), 10);
    // Far beyond the range of numbers the queue is always full: what is above the servers' rate has no place.
    expect(turnedAway(800, 8, 1_000)).toBeCloseTo(0.99, 6);
  });

  test("serve no more than there is, and all of it", () => {
    expect(servedAtMost(5e6, 50_000)).toBe(0.01);
    expect(servedAtMost(10, 50)).toBe(1);
    expect(servedAtMost(0, 50)).toBe(1);
  });

  test("warm a cache as the differential equation does", () => {
    const [users, load, capacity] = [10_000, 2_000, 500];
    let entries = 0;
    let seconds = 0;
    let defaulted = 0;
    let at90 = 0;
    for (const step = 0.001; entries < 0.97 * users; seconds += step) {
      const misses = load * (1 - entries / users);
      entries += Math.min(capacity, misses) * step;
      defaulted += Math.max(0, misses - capacity) * step;
      if (at90 === 0 && entries >= 0.9 * users) at90 = seconds;
    }
    expect(secondsToWarm(users, load, capacity, 0.9) / at90).toBeCloseTo(1, 2);
    expect(secondsToWarm(users, load, capacity, 0.97) / seconds).toBeCloseTo(1, 2);
    expect(secondsToWarm(users, load, capacity, 0.5)).toBeCloseTo(10, 6);
    expect(defaultedWhileWarming(users, load, capacity) / defaulted).toBeCloseTo(1, 2);
    expect(secondsToWarm(users, 100, capacity, 0.9)).toBeCloseTo(100 * Math.log(10), 6);
  });

  test("bound a drain, which has no end when messages come faster", () => {
    expect(drainSeconds(1_000, 100, 50)).toEqual({ least: 10, most: 20 });
    expect(drainSeconds(1_000, 100, 100).most).toBe(Number.POSITIVE_INFINITY);
  });

  test("know a sawtooth, two messages in a millisecond, and the size of a filter", () => {
    const { seconds, meanShare } = sawtooth(0.7, 0.03);
    expect(seconds).toBeCloseTo(11.89, 2);
    expect(meanShare).toBeCloseTo(0.8411, 4);
    expect(within(0.001, 10)).toBeCloseTo(0.00995, 5);
    // The well-known 9.585 bits per id at one percent.
    expect((filterBytes(1_000, 0.01) * 8) / 1_000).toBeCloseTo(9.585, 3);
  });
});
