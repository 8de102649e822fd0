import { describe, expect, test } from "vitest";
import { clockCheck } from "../../../operations/doctor/clock.ts";
import { isOlder } from "../../../operations/doctor/versions.ts";

describe("versions", () => {
  test.each([
    ["6.2.14", "7.0", true],
    ["7.0.0", "7.0", false],
    ["7.0.15", "7.0", false],
    ["10.1", "7.0", false],
    ["valkey-8.1.0", "7.0", false],
    ["13.16 (Debian 13.16-0)", "14", true],
    ["18beta1", "14", false],
    ["v0.24.0", "0.25", true],
    ["2.42.0+ds", "2.42", false],
    ["unknown", "7.0", false],
  ])("%s is older than %s: %s", (version, than, older) => {
    expect(isOlder(version, than)).toBe(older);
  });
});

describe("clocks", () => {
  const clock = (theirs: number | undefined, grain = 0) => ({
    of: "it",
    theirs,
    asked: 100_000,
    answered: 100_400,
    grain,
  });
  test.each([
    ["within the time that the answer took", clock(100_200), "ok"],
    ["a second ahead", clock(101_400), "ok"],
    ["more than a second ahead", clock(101_401), "warning"],
    ["more than three seconds ahead", clock(103_401), "failed"],
    ["more than a second behind", clock(98_999), "warning"],
    ["behind by what it leaves out of a second", clock(98_999, 1_000), "ok"],
    ["not told", clock(undefined), "skipped"],
  ] as const)("%s", (_, read, status) => {
    expect(clockCheck("clock", [read]).status).toBe(status);
  });
  test("the worst one counts", () => {
    expect(clockCheck("clock", [clock(100_000), clock(200_000)]).found).toContain("99.6 s");
  });
});
