import { describe, expect, it } from "vitest";
import { scrapeDeadline } from "../../../exporters/http/scrape-deadline.ts";

describe("the deadline of a scrape", () => {
  it.each([
    ["half a second below Prometheus's timeout", "10", 9500],
    ["a fraction", "2.5", 2000],
    ["half of a timeout that leaves no room", "0.6", 300],
    ["half of a timeout of a second", "1", 500],
    ["below ten seconds without a header", undefined, 9500],
    ["the default for an empty header", "", 9500],
    ["the default for nonsense", "soon", 9500],
    ["the default for zero", "0", 9500],
    ["the default for a negative timeout", "-3", 9500],
    ["the default for infinity", "Infinity", 9500],
  ])("is %s", (_what, header, milliseconds) => {
    expect(scrapeDeadline(header)).toBe(milliseconds);
  });

  it("takes the first of several headers", () => {
    expect(scrapeDeadline(["4", "8"])).toBe(3500);
  });
});
