import { describe, expect, it } from "vitest";
import { UserTurns } from "../../../../fallbacks/registry/user-turns.ts";

function gate() {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

describe("turns of a user", () => {
  it("come one after the other, also after one that failed, and hold nothing afterwards", async () => {
    const turns = new UserTurns();
    const { open, opened } = gate();
    const order: string[] = [];
    const first = turns.take("ann", async () => {
      await opened;
      order.push("first");
      throw new Error("no");
    });
    const second = turns.take("ann", async () => order.push("second"));
    const third = turns.take("ann", async () => order.push("third"));
    await turns.take("bob", async () => order.push("bob"));
    expect(turns.running).toBe(3);
    open();
    await expect(first).rejects.toThrow("no");
    await Promise.all([second, third]);
    expect(order).toEqual(["bob", "first", "second", "third"]);
    expect(turns.running).toBe(0);
  });
});
