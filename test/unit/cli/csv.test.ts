import { expect, test } from "vitest";
import { csvLine } from "../../../cli/csv.ts";

test("cells are separated by commas and quoted where they need it", () => {
  expect(csvLine(["a", 2, "", "b c"])).toBe("a,2,,b c\r\n");
  expect(csvLine(['say "no"', "one,two", "two\nlines"])).toBe('"say ""no""","one,two","two\nlines"\r\n');
});

test.each(["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\u200b=1", "|cmd", "%0A", "\uff1d1"])(
  "%j is no formula in a spreadsheet",
  (cell) => {
    expect(csvLine([cell])).toBe(`"'${cell}"\r\n`);
  },
);

test("what is harmless stays as it is", () => {
  for (const cell of ["u-1", "a=b", "2026-11-21T09:00:00.000Z", "user@example.org", "日本"]) {
    expect(csvLine([cell])).toBe(`${cell}\r\n`);
  }
  expect(csvLine([-5])).toBe("-5\r\n");
  expect(csvLine(["a\0b"])).toBe("a\u{fffd}b\r\n");
});
