import { expect, test } from "vitest";
import type { DegradationMode } from "../../../catalog/mode.ts";
import { modes } from "../../../catalog/modes.ts";
import {
  drillDigest,
  pageCommands,
  readVerified,
  verifiedFile,
  verifiedState,
} from "../../../runbooks/verified.ts";

const [mode] = modes.filter(({ id }) => id === "BloomCold") as [DegradationMode];
const { remedy } = mode;
if (remedy.kind !== "command") throw new Error("BloomCold has no command");
const versions = { redisops: "1", redis: "7", postgres: "18", prometheus: "2", node: "24" };
const record = { commands: 4, digest: drillDigest(mode), versions };

test("commands are those of the drill, of each step, of the plan and of the run", () => {
  expect(pageCommands(mode).map(({ part, command }) => `${part}: ${command}`)).toEqual([
    "rehearse: redisops lab inject restart-empty --role dedup",
    ...mode.diagnosis.map(({ command }) => `decide: ${command}`),
    "plan: redisops recover bloom",
    "execute: redisops recover bloom --execute",
  ]);
});

test.each<[string, Partial<DegradationMode>]>([
  ["the drill", { drill: { kind: "lab", inject: ["kill --role dedup"] } }],
  ["the drill’s limits", { drill: { ...mode.drill, limits: "none at all" } as DegradationMode["drill"] }],
  ["a step", { diagnosis: mode.diagnosis.slice(1) }],
  ["the plan’s output", { remedy: { ...remedy, planShows: ["something else"] } }],
  ["the command", { remedy: { ...remedy, command: "redisops recover token-buckets" } }],
])("a change of %s makes the record one of another page", (_, change) => {
  expect(verifiedState({ ...mode, ...change }, record)).toBe("changed");
});

test("a change of the prose does not", () => {
  expect(verifiedState({ ...mode, prevention: "Another sentence altogether." }, record)).toBe("verified");
  expect(verifiedState(mode, undefined)).toBe("never");
});

test("the file is always in the same order, ends with a line break and can be read", () => {
  const text = verifiedFile({ Watchdog: record, BloomCold: record });
  expect(Object.keys(JSON.parse(text))).toEqual(["BloomCold", "Watchdog"]);
  expect(text.endsWith("}\n")).toBe(true);
  expect(() => readVerified()).not.toThrow();
});
