import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DeadlineQueue, type Expiring } from "../../../fallbacks/guard/deadline-queue.ts";

const milliseconds = 50;

class Call implements Expiring {
  readonly expires = performance.now() + milliseconds;
  settled = false;
  expiries = 0;
  onExpire: () => void = () => undefined;

  expire(): void {
    this.settled = true;
    this.expiries += 1;
    this.onExpire();
  }
}

let queue: DeadlineQueue;
const afterSockets: (() => void)[] = [];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  vi.stubGlobal("setImmediate", (task: () => void) => afterSockets.push(task));
  queue = new DeadlineQueue();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A turn of the event loop each millisecond: timers, then what was set aside for after the sockets. */
function advance(time: number): void {
  for (let passed = 0; passed < time; passed += 1) {
    vi.advanceTimersByTime(1);
    for (const task of afterSockets.splice(0)) task();
  }
}

function add(): Call {
  const call = new Call();
  queue.add(call, milliseconds);
  return call;
}

describe("a queue of deadlines", () => {
  it("tells each call once that its time has come, not earlier and not later", () => {
    const first = add();
    advance(3);
    const second = add();
    advance(46);
    expect([first.expiries, second.expiries]).toEqual([0, 0]);
    advance(1);
    expect([first.expiries, second.expiries]).toEqual([1, 0]);
    advance(2);
    expect([first.expiries, second.expiries]).toEqual([1, 0]);
    advance(1);
    expect([first.expiries, second.expiries]).toEqual([1, 1]);
    advance(1_000);
    expect([first.expiries, second.expiries]).toEqual([1, 1]);
  });

  it("leaves a call that is settled alone", () => {
    const [settled, waiting] = [add(), add()];
    settled.settled = true;
    advance(milliseconds);
    expect([settled.expiries, waiting.expiries]).toEqual([0, 1]);
  });

  it("does with one timer for any number of calls, and with none when all is over", () => {
    for (let call = 0; call < 1_000; call += 1) add();
    expect(vi.getTimerCount()).toBe(1);
    advance(milliseconds);
    expect(vi.getTimerCount()).toBe(0);
    expect(add().expiries).toBe(0);
    expect(vi.getTimerCount()).toBe(1);
  });

  it("does not forget a call that is added while another one expires", () => {
    const first = add();
    let second: Call | undefined;
    first.onExpire = () => {
      second = add();
    };
    advance(milliseconds);
    expect(second?.expiries).toBe(0);
    advance(milliseconds);
    expect(second?.expiries).toBe(1);
  });

  it("lets the answers that came during a stall be read before it gives up on them", () => {
    const call = add();
    vi.advanceTimersByTime(milliseconds + 200);
    expect(call.expiries).toBe(0);
    call.settled = true;
    advance(1_000);
    expect(call.expiries).toBe(0);
  });

  it("expires all of them in order, whichever are settled in between", () => {
    const order: number[] = [];
    const calls = Array.from({ length: 10_000 }, (_, n) => {
      if (n % 100 === 0) advance(1);
      const call = add();
      call.onExpire = () => order.push(n);
      call.settled = n % 3 === 0;
      return call;
    });
    advance(1_000);
    expect(order).toEqual(calls.map((_, n) => n).filter((n) => n % 3 !== 0));
    expect(calls.every(({ settled }) => settled)).toBe(true);
  });
});
