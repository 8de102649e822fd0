import { expect, test } from "vitest";
import { modes } from "../../../catalog/modes.ts";
import { searchModes, searchWords } from "../../../runbooks/search.ts";

const idsOf = (query: string) => searchModes(modes, query).map(({ mode }) => mode.id);

test("a mode is found first by its own name, whole, in words, and in any case", () => {
  for (const { id } of modes) {
    expect(idsOf(id)[0]).toBe(id);
    expect(idsOf(id.toUpperCase())[0]).toBe(id);
    expect(idsOf(id.replace(/([a-z])([A-Z])/g, "$1 $2"))[0], id).toBe(id);
  }
});

test("modes with more of the words come before those with fewer", () => {
  const found = searchModes(modes, "registry redisops_bloom_canary_ids heartbeat");
  const counts = found.map(({ words }) => words.length);
  expect(counts).toEqual(counts.toSorted((a, b) => b - a));
});

test("a word is found at the beginning of words, of parts of names too, and not inside them", () => {
  expect(idsOf("canary")).toContain("BloomCold");
  expect(idsOf("anary")).toEqual([]);
  expect(searchModes(modes, "MEMORY_SHORT")[0]?.best.text).toContain("MEMORY_SHORT");
});

test("nothing is found for nothing", () => {
  expect(searchModes(modes, "")).toEqual([]);
  expect(searchModes(modes, " ,; ")).toEqual([]);
  expect(searchWords('redisops_role_up{role="dedup"} Twice twice')).toEqual([
    "redisops_role_up",
    "role",
    "dedup",
    "twice",
  ]);
});
