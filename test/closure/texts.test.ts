import { expect, test } from "vitest";
import type { DegradationMode } from "../../catalog/mode.ts";
import { modes } from "../../catalog/modes.ts";
import { committedPanelTitles } from "./committed.ts";
import { changed } from "./doctored.ts";
import { copyGaps, emptyGaps, nameGaps, placeholderGaps, substanceGaps } from "./texts.ts";

const panelTitles = committedPanelTitles();
const checks = {
  empty: emptyGaps,
  placeholder: placeholderGaps,
  copy: copyGaps,
  names: (catalog: readonly DegradationMode[]) => nameGaps(catalog, panelTitles),
  substance: substanceGaps,
};

test.each(Object.entries(checks))("no mode falls short: %s", (_, check) => {
  expect(check(modes)).toEqual([]);
});

function modeOf(id: string): DegradationMode {
  const mode = modes.find((each) => each.id === id);
  if (mode === undefined) throw new Error(`there is no mode ${id}`);
  return mode;
}

const cold = modeOf("BloomCold");
const skipped = modeOf("DedupSkipped");
const { remedy } = cold;
if (remedy.kind !== "command") throw new Error("BloomCold has no command now");
const [step] = cold.diagnosis;
if (step === undefined) throw new Error("BloomCold has no diagnosis now");

/** Each text of the first mode that is about as long as a sentence, one word of it changed. */
const oneWordOff = skipped.description.replace(/\b(?:is|are|the)\b/, "certainly");

test.each<[keyof typeof checks, string, Partial<DegradationMode>]>([
  ["empty", "origin is empty", { origin: " " }],
  ["empty", "prevention says next to nothing", { prevention: "Be careful." }],
  ["empty", "aggravators is empty", { aggravators: [] }],
  ["empty", "scenarios is empty", { scenarios: [] }],
  ["empty", "diagnosis does not branch", { diagnosis: [{ ...step, branches: step.branches.slice(0, 1) }] }],
  ["empty", "diagnosis does not branch", { diagnosis: [step, { ...step, branches: [] }] }],
  ["empty", "drill.reason is empty", { drill: { kind: "none", reason: "" } }],
  [
    "empty",
    "thresholds.for.reason is empty",
    { thresholds: { for: { value: "1m", unit: "duration", reason: "" } } },
  ],
  ["empty", "remedy.whenItFails says next", { remedy: { ...remedy, whenItFails: "Try it again." } }],
  ["placeholder", "prevention says .TODO", { prevention: "TODO: say how to size the filter." }],
  [
    "placeholder",
    "userImpact says .investigate",
    { userImpact: "Somebody has to investigate what people see." },
  ],
  ["placeholder", "shows says .PLANSHOWS", { remedy: { ...remedy, planShows: ["PLANSHOWS"] } }],
  ["copy", "description is the same as description of DedupSkipped", { description: skipped.description }],
  ["copy", "containment is nearly the same as description of DedupSkipped", { containment: oneWordOff }],
  ["names", "normal names the metric redisops_bloom_warmth", { normal: "redisops_bloom_warmth is 0." }],
  ["names", "prevention names the mode BloomLost", { prevention: "Look at BloomLost before you go on." }],
  [
    "names",
    "prevention names the error code MEMORY_LONG",
    { prevention: "MEMORY_LONG tells that it does not fit." },
  ],
  [
    "names",
    "prevention names the configuration key roles.dedup.size",
    { prevention: "Raise roles.dedup.size." },
  ],
  ["names", "prevention names filter_size", { prevention: "Raise filter_size before it is too late." }],
  ["names", "prevention names the panel", { prevention: "Look at the panel “Filter warmth” once a week." }],
  ["names", "prevention names the command redisops warm", { prevention: "Run redisops warm --role dedup." }],
  ["substance", "normal names no metric", { normal: "All ids are known." }],
  ["substance", "remedy.proof names no metric", { remedy: { ...remedy, proof: "All ids are known." } }],
  [
    "substance",
    "thresholds.for.reason has neither",
    {
      thresholds: {
        ...cold.thresholds,
        for: { value: "1m", unit: "duration", reason: "It is a sensible value." },
      },
    },
  ],
  ["substance", "topologies is empty", { topologies: {} }],
  ["substance", "there is no drill", { drill: { kind: "lab", inject: [] } }],
  ["substance", "a diagnosis step shows no output", { diagnosis: [{ ...step, shows: [] }] }],
  ["substance", "the remedy shows no output", { remedy: { ...remedy, executeShows: [] } }],
])("a shortcoming is found: %s, %s", (kind, gap, change) => {
  const before = checks[kind](modes);
  const found = checks[kind](changed("BloomCold", change)).filter((each) => !before.includes(each));
  expect(found.length).toBeGreaterThan(0);
  expect(found[0]).toMatch(new RegExp(`^BloomCold: ${gap}.*catalog/modes/BloomCold\\.ts`, "s"));
});

test("a threshold with the same name and number may have the same reason, another number may not", () => {
  const reason = "Ten scrapes of one minute each, which no restart of a server takes.";
  const threshold = { value: 7, unit: "count", reason } as const;
  const both = (other: number) =>
    modes.map((mode) =>
      mode === cold
        ? { ...mode, thresholds: { ...mode.thresholds, scrapes: threshold } }
        : mode === skipped
          ? { ...mode, thresholds: { ...mode.thresholds, scrapes: { ...threshold, value: other } } }
          : mode,
    );
  const of = (catalog: DegradationMode[]) => copyGaps(catalog).filter((gap) => gap.includes("scrapes"));
  expect(of(both(7))).toEqual([]);
  expect(of(both(8))).toHaveLength(1);
});
