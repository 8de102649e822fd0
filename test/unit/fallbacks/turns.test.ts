import { describe, expect, test } from "vitest";
import { Turns } from "../../../fallbacks/guard/turns.ts";

/** One who waits and writes down what he is told. */
function waiter(told: string[], name: string, end: number) {
  return { end, settle: (turn: boolean) => told.push(`${name} ${turn ? "runs" : "refused"}`) };
}

describe("the turns of a bulkhead", () => {
  test("are given to so many at a time, then to the newest who waits", () => {
    const turns = new Turns(2, 3);
    expect([turns.take(), turns.take(), turns.take()]).toEqual([true, true, false]);
    const told: string[] = [];
    const first = waiter(told, "first", 100);
    turns.wait(first);
    turns.wait(waiter(told, "second", 101));
    expect(turns.full).toBe(false);
    turns.wait(waiter(told, "third", 102));
    expect(turns.full).toBe(true);
    turns.release(10);
    expect(told).toEqual(["third runs"]);
    turns.leave(first);
    turns.release(11);
    expect(told).toEqual(["third runs", "second runs"]);
    expect(turns.take()).toBe(false);
    turns.release(12);
    expect(turns.take()).toBe(true);
  });

  test("are not given to those whose time is over before a call would be, and the place is free", () => {
    const turns = new Turns(1, 8);
    expect(turns.take()).toBe(true);
    const told: string[] = [];
    turns.took(4, true);
    turns.wait(waiter(told, "older", 50));
    turns.wait(waiter(told, "newer", 52));
    turns.release(43);
    expect(told).toEqual(["newer runs"]);
    turns.release(43);
    expect(told).toEqual(["newer runs", "older refused"]);
    expect(turns.take()).toBe(true);
  });

  test("are given by how long calls take of late: more after those that got no answer, less once they are quick again", () => {
    const turns = new Turns(1, 8);
    const given = () => {
      const told: string[] = [];
      turns.take();
      turns.wait(waiter(told, "one", 50));
      turns.release(10);
      if (told[0] === "one runs") turns.release(10);
      return told[0];
    };
    turns.took(5, true);
    expect(given()).toBe("one runs");
    for (let call = 0; call < 20; call += 1) turns.took(50, false);
    expect(given()).toBe("one refused");
    // A refused connection is quick, and no sign that a call would be.
    for (let call = 0; call < 20; call += 1) turns.took(1, false);
    expect(given()).toBe("one refused");
    for (let call = 0; call < 10; call += 1) turns.took(5, true);
    expect(given()).toBe("one runs");
  });
});
