import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import type { Permit, Refusal } from "../../../fallbacks/providers/account.ts";
import { WaitingLine } from "../../../fallbacks/providers/waiting-line.ts";

const refusal: Refusal = { reason: "exhausted", retryAfterMs: 1 };
const options = { maxWaiting: 1_000, maxWaitMs: 30_000 };

it("asks for many that wait at the same time, and serves them in order", async () => {
  let [asking, most] = [0, 0];
  const line = new WaitingLine(async () => {
    asking += 1;
    most = Math.max(most, asking);
    await nextTurn();
    asking -= 1;
    return {} as Permit;
  }, options);
  const served: number[] = [];
  await Promise.all(Array.from({ length: 300 }, (_, n) => line.join(refusal).then(() => served.push(n))));
  expect(served).toEqual(Array.from({ length: 300 }, (_, n) => n));
  expect(most).toBe(64);
  expect(line.length).toBe(0);
});

it("sends away whose time is over, and goes on serving the others", async () => {
  let free = false;
  const line = new WaitingLine(async () => (free ? ({} as Permit) : refusal), {
    maxWaiting: 10,
    maxWaitMs: 50,
  });
  expect(await line.join(refusal)).toBe(refusal);
  free = true;
  expect(await line.join(refusal)).not.toBe(refusal);
});
