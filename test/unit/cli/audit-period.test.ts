import { describe, expect, test } from "vitest";
import { type PeriodOptions, periodOf } from "../../../cli/audit/period.ts";

const now = Date.parse("2026-11-22T12:00:00Z");
const span = (options: PeriodOptions) => {
  const { from, to } = periodOf(options, now);
  return [new Date(from).toISOString(), new Date(to).toISOString()];
};

describe("the time of an audit", () => {
  test("is the last week, or as long as is said", () => {
    expect(span({})).toEqual(["2026-11-15T12:00:00.000Z", "2026-11-22T12:00:00.000Z"]);
    expect(span({ since: "90m" })[0]).toBe("2026-11-22T10:30:00.000Z");
    expect(periodOf({ since: "90m" }, now).words).toBe("in the last 90m");
  });

  test("is between two times, with their zone", () => {
    expect(span({ from: "2026-11-21T09:00Z", to: "2026-11-21T10:30:01.5+01:00" })).toEqual([
      "2026-11-21T09:00:00.000Z",
      "2026-11-21T09:30:01.500Z",
    ]);
    expect(span({ from: "2026-11-20", to: "2026-11-21" })).toEqual([
      "2026-11-20T00:00:00.000Z",
      "2026-11-21T00:00:00.000Z",
    ]);
    expect(span({ from: "3h", to: "1h" })).toEqual(["2026-11-22T09:00:00.000Z", "2026-11-22T11:00:00.000Z"]);
    expect(span({ from: "2h" })[1]).toBe("2026-11-22T12:00:00.000Z");
  });

  test.each<PeriodOptions>([
    { from: "yesterday" },
    { from: "2026-11-21T09:00" },
    { from: "2026-02-30" },
    { from: "2026-13-01" },
    { from: "2026-11-21T25:00Z" },
    { from: "9999999d" },
    { from: "1h", to: "2h" },
    { from: "1h", to: "1h" },
    { to: "1h" },
    { since: "1h", from: "2h" },
    { since: "1h", to: "2h" },
    { since: "soon" },
    { since: "" },
  ])("cannot be %j", (options) => {
    expect(() => periodOf(options, now)).toThrowError(expect.objectContaining({ code: "USAGE" }));
  });
});
