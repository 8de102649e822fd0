import { describe, expect, test } from "vitest";
import type { CachedPreferences } from "../../../core/preferences/cache-entry.ts";
import { ChangeMemory } from "../../../fallbacks/preferences/change-memory.ts";
import { newChanges, newChangesFrom, snapshotEnd } from "../../../fallbacks/preferences/change-query.ts";

const asOf = (version: number): CachedPreferences => ({ asOf: version, readAt: 0, optedOut: [] });

describe("the memory of changes", () => {
  test("vouches for entries whose snapshot saw the user's last change", () => {
    const memory = new ChangeMemory(10, 1_000);
    memory.add("a", 7);
    memory.add("a", 5);
    expect(memory.standing("a", asOf(7))).toBe("outdated");
    expect(memory.standing("a", asOf(8))).toBe("current");
    expect(memory.standing("b", asOf(1))).toBe("current");
  });

  test("is bounded, and vouches for nothing older than what it had to forget", () => {
    const memory = new ChangeMemory(10, 1_000_000);
    for (let version = 1; version <= 1_000; version += 1) {
      memory.add(`u${version}`, version);
      expect(memory.size).toBeLessThanOrEqual(10);
    }
    expect(memory.standing("u1000", asOf(1_000))).toBe("outdated");
    expect(memory.standing("u1", asOf(1))).toBe("unknown");
    expect(memory.standing("somebody", asOf(900))).toBe("unknown");
    expect(memory.standing("somebody", asOf(1_001))).toBe("current");
  });

  test("forgets changes that no living entry can be older than, and still vouches", () => {
    const memory = new ChangeMemory(10, -1);
    memory.add("a", 7);
    memory.expire();
    expect(memory.standing("a", asOf(7))).toBe("outdated");
    memory.expire();
    expect(memory.size).toBe(0);
    expect(memory.standing("a", asOf(1))).toBe("current");
  });

  test("keeps changes for their time after it had to make room", () => {
    const memory = new ChangeMemory(4, 1_000_000);
    for (const [index, user] of ["a", "b", "c"].entries()) memory.add(user, index + 1);
    memory.expire();
    expect(["a", "b", "c"].map((user) => memory.standing(user, asOf(1)))).toEqual(Array(3).fill("outdated"));
  });
});

test("what is new to a snapshot is what it did not see: later transactions, and those under way in it", () => {
  const from = newChangesFrom("100:120:100,107");
  expect(newChanges("s.changes", from).values).toEqual(["120", "-1", ["100", "107"], "0", "-1"]);
  expect(newChanges("changes", newChangesFrom("120:120:")).values).toEqual(["120", "-1", [], "0", "-1"]);
  expect(snapshotEnd("100:120:100,107")).toBe(120);
});
