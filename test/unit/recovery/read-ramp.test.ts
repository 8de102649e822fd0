import { expect, test } from "vitest";
import { type RampOptions, ReadRamp } from "../../../recovery/preferences/read-ramp.ts";

class Clock {
  now = 0;
}

function rampOf(options: Partial<RampOptions> = {}) {
  const clock = new Clock();
  const ramp = new ReadRamp({ limit: 6_400, rampMs: 60_000, slowMs: 250, now: () => clock.now, ...options });
  return { clock, ramp };
}

/** Reads batch by batch until so many milliseconds are over, each taking as long. Answers the reads. */
function readFor(milliseconds: number, took: number, { clock, ramp }: ReturnType<typeof rampOf>): number {
  const end = clock.now + milliseconds;
  let reads = 0;
  while (clock.now < end) {
    const { batch } = ramp;
    clock.now += ramp.take(batch);
    if (clock.now >= end) break;
    clock.now += took;
    ramp.observe(took);
    reads += batch;
  }
  return reads;
}

test("starts at a sixty-fourth and is at its limit, and never above it, when the ramp is over", () => {
  const fixture = rampOf();
  expect(fixture.ramp.rate).toBe(100);
  const first = readFor(10_000, 1, fixture);
  expect(first).toBeGreaterThan(900);
  expect(first).toBeLessThan(1_200);
  readFor(52_000, 1, fixture);
  expect(fixture.ramp.rate).toBe(6_400);
  const full = readFor(10_000, 1, fixture);
  expect(full).toBeLessThanOrEqual(64_500);
  expect(full).toBeGreaterThan(60_000);
});

test("halves the rate when a statement is slow, down to where it began, and rises again", () => {
  const fixture = rampOf();
  readFor(70_000, 1, fixture);
  fixture.ramp.observe(251);
  expect(fixture.ramp.rate).toBe(3_200);
  for (let slow = 0; slow < 20; slow += 1) fixture.ramp.observe(1_000);
  expect(fixture.ramp.rate).toBe(100);
  readFor(5_000, 1, fixture);
  expect(fixture.ramp.rate).toBe(100);
  readFor(6_000, 1, fixture);
  expect(fixture.ramp.rate).toBe(200);
});

test("reads in batches that are neither single reads nor long statements", () => {
  expect(rampOf({ limit: 3 }).ramp.batch).toBe(10);
  expect(rampOf({ limit: 1e6, rampMs: 0 }).ramp.batch).toBe(500);
  expect(rampOf({ rampMs: 0 }).ramp.rate).toBe(6_400);
});

test("a read that has to wait ends with the reason of an interruption", async () => {
  const ramp = new ReadRamp({ limit: 1, rampMs: 0, slowMs: 1 });
  const interruption = new AbortController();
  await ramp.paced(1_000, interruption.signal, async () => undefined);
  const waiting = ramp.paced(1, interruption.signal, async () => "read");
  interruption.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
});
