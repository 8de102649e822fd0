import { expect, test } from "vitest";
import type { DegradationMode } from "../../catalog/mode.ts";
import { modes } from "../../catalog/modes.ts";
import { inhibitionGaps, registrationGaps, textGaps } from "./catalog.ts";
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
});

const [, , DedupSkipped] = modes;

test.each<[string, Partial<DegradationMode>]>([
  ["origin is empty", { origin: " " }],
  ["aggravators is empty", { aggravators: [] }],
  ["scenarios is empty", { scenarios: [] }],
  ["diagnosis.branches is empty", { diagnosis: [{ command: "redisops status", branches: [] }] }],
  ["thresholds.for.reason is empty", { thresholds: { for: { value: "1m", unit: "duration", reason: "" } } }],
  ["description is the same as a text of DedupSkipped", { description: DedupSkipped?.description ?? "" }],
])("a text that is missing or copied is found: %s", (gap, change) => {
  expect(textGaps(changed("BloomCold", change))).toEqual([
    expect.stringMatching(new RegExp(`^BloomCold: ${gap}.*catalog/modes/BloomCold\\.ts`)),
  ]);
});

test("every mode says everything, in its own words", () => {
  expect(textGaps(modes)).toEqual([]);
});
