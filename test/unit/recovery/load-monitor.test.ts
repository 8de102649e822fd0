import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { Load } from "../../../recovery/run/load.ts";
import { timed } from "../../../recovery/run/load-monitor.ts";

const limits = { pause: 100, abort: 60_000 };

function busy(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

/** Why a run would have paused while an answer was awaited, and afterwards. */
async function pauses(ask: () => Promise<unknown>): Promise<string[]> {
  const load = new Load();
  const reasons: string[] = [];
  const { report } = load;
  load.report = (reading) => {
    report.call(load, reading);
    reasons.push(...(load.pauseReason ?? "").split("\n").filter(Boolean));
  };
  await timed(load, "latency of it", limits, ask);
  return reasons;
}

it("does not take for the server's slowness that this process was busy", async () => {
  const ask = async () => {
    // Before the answer, in between and at the moment of the answer.
    busy(400);
    await delay(30);
    busy(400);
    await delay(1);
    busy(400);
  };
  expect(await pauses(ask)).toEqual([]);
});

it("sees a server that is slow, also while it still is", async () => {
  const reasons = await pauses(() => delay(400));
  expect(reasons.length).toBeGreaterThan(1);
  expect(reasons[0]).toMatch(/^latency of it is \d{3} ms$/);
});

it("sees a server that is slow while this process is busy now and then", async () => {
  const reasons = await pauses(async () => {
    busy(200);
    await delay(400);
    busy(200);
  });
  expect(reasons.at(-1)).toMatch(/^latency of it is [345]\d\d ms$/);
});
