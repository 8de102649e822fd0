import { expect, test } from "vitest";
import { modes } from "../../../catalog/modes.ts";
import { recordedSeconds } from "../../../operations/drills/recorded.ts";
import { drilledDuration } from "../../../runbooks/drilled-duration.ts";
import { verifiedLine } from "../../../runbooks/rehearse.ts";
import { drillDigest, type Verified } from "../../../runbooks/verified.ts";
import { passedDrill } from "../../fixtures/drill-run.ts";

const found = modes.find(({ id }) => id === "BloomCold");
if (found === undefined) throw new Error("no BloomCold");
const cold = found;
const versions = { redisops: "1", redis: "7", postgres: "18", prometheus: "2", node: "24" };
const line = "redisops recover bloom --execute";
const result = {
  ...passedDrill,
  modes: ["BloomCold"],
  recoveries: [{ command: line, from: 30_000, to: 34_560, exitCode: 0 }],
};
const record: Verified = {
  ...{ commands: 5, digest: drillDigest(cold), versions },
  seconds: recordedSeconds(result, cold),
};

test("a drill’s times are recorded: until it was detected, over, and those of the command that ends the mode", () => {
  expect(record.seconds).toEqual({ detect: 9, recover: 16, command: { line, seconds: 4.6 } });
});

test("a command that failed, or of another mode, has no time", () => {
  const failed = { ...result, recoveries: [{ command: line, from: 0, to: 1_000, exitCode: 7 }] };
  expect(recordedSeconds(failed, cold).command).toBeNull();
  expect(recordedSeconds(passedDrill, cold).command).toBeNull();
});

test("a plan without an earlier run says how long the drill took; one that no drill runs says nothing", () => {
  expect(drilledDuration("bloom", { BloomCold: record })).toBe(
    "4.6 s in the drill of BloomCold on the lab, which is small",
  );
  expect(drilledDuration("pending", { BloomCold: record })).toBeUndefined();
  expect(drilledDuration("bloom", {})).toBeUndefined();
});

test("the page’s line says what the drill measured, where it did", () => {
  expect(verifiedLine(cold, record)).toMatch(
    /Node 24\. In its drill it was detected 9\.0 s after the fault, with the alert’s wait shortened, and over 16 s after the recovery began\.$/,
  );
  const { seconds: _, ...older } = record;
  expect(verifiedLine(cold, older)).toMatch(/Node 24\.$/);
});
