import { expect, test } from "vitest";
import { modes } from "../../catalog/modes.ts";
import { inhibitionGaps, registrationGaps } from "./catalog.ts";
import { modeFiles } from "./committed.ts";
import { changed } from "./doctored.ts";

test("every file in catalog/modes is in the catalog, under its own name", () => {
  const files = modeFiles();
  expect(registrationGaps(modes, files)).toEqual([]);
  expect(registrationGaps(modes, [...files, "Forgotten"])).toEqual([
    expect.stringMatching(/^catalog\/modes\/Forgotten\.ts: add it to catalog\/modes\.ts/),
  ]);
  expect(registrationGaps(changed("BloomCold", { id: "BloomWarm" }), files)).toEqual([
    expect.stringContaining("catalog/modes/BloomCold.ts"),
    expect.stringMatching(/^BloomWarm: its file is not/),
  ]);
  expect(registrationGaps([...modes, ...modes.slice(0, 1)], files)).toEqual([
    expect.stringMatching(/^RegistryDown: twice/),
  ]);
});

test("inhibitions lead to modes of the same role, and never back", () => {
  expect(modes.some(({ inhibits }) => inhibits.length > 0)).toBe(true);
  expect(inhibitionGaps(modes)).toEqual([]);
  expect(inhibitionGaps(changed("BloomCold", { inhibits: ["BloomLost"] }))).toEqual([
    expect.stringMatching(
      /^BloomCold: inhibits BloomLost, which is no mode; .*catalog\/modes\/BloomCold\.ts/,
    ),
  ]);
  expect(inhibitionGaps(changed("BloomCold", { inhibits: ["RegistryDown"] }))).toEqual([
    expect.stringMatching(/^BloomCold: inhibits RegistryDown of another role/),
  ]);
  expect(inhibitionGaps(changed("BloomCold", { inhibits: ["DedupSkipped"] }))).toEqual([
    expect.stringMatching(/^DedupSkipped: inhibits itself in a circle/),
    expect.stringMatching(/^BloomCold: inhibits itself in a circle/),
  ]);
  expect(inhibitionGaps(changed("BloomCold", { inhibits: ["BloomCold"] }))).toHaveLength(1);
  expect(inhibitionGaps(changed("BloomCold", { severity: "ticket", inhibits: ["BloomSaturated"] }))).toEqual([
    expect.stringMatching(/^BloomCold: a ticket inhibits the page BloomSaturated/),
  ]);
  expect(inhibitionGaps(changed("RedisDown", { inhibits: ["BloomSaturated"] }))).toEqual([
    expect.stringMatching(/^RedisDown: a ticket inhibits the page BloomSaturated/),
  ]);
});
