import { describe, expect, test } from "vitest";
import { modes as catalogModes } from "../../../catalog/modes.ts";
import { redisRoles } from "../../../catalog/roles.ts";
import { RedisopsError } from "../../../core/errors.ts";
import { capacityReport } from "../../../operations/capacity/capacity-report.ts";
import type { Row } from "../../../operations/capacity/failure.ts";
import { figureDefinition, figureNames } from "../../../operations/capacity/figures.ts";
import { gatherExample, parseGiven } from "../../../operations/capacity/gather.ts";
import { capacityPage } from "../../../operations/capacity/page.ts";
import { simulatedWords, valueWords } from "../../../operations/capacity/words.ts";

const report = capacityReport("example", gatherExample({}), 1);

function row(failure: string, id: string): Row {
  const found = report.failures.find((each) => each.id === failure)?.rows.find((each) => each.id === id);
  if (found === undefined) throw new Error(`no ${failure} ${id}`);
  return found;
}

describe("the report on the example", () => {
  test("has a failure for each role, of modes that the catalog has, with nothing unknown", () => {
    expect(new Set(report.failures.map(({ role }) => role))).toEqual(new Set(redisRoles));
    for (const { modes, missing, rows } of report.failures) {
      expect(missing).toEqual([]);
      expect(rows).not.toEqual([]);
      for (const id of modes)
        expect(
          catalogModes.some((mode) => mode.id === id),
          id,
        ).toBe(true);
    }
    const ids = report.failures.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("says what five million reads do to a Postgres that serves fifty thousand", () => {
    const wanted = row("preferences-cache-down", "postgres_reads_wanted");
    expect([valueWords(wanted), valueWords(row("preferences-cache-down", "postgres_overload"))]).toEqual([
      "5 million/s",
      "100 times",
    ]);
    const defaulted = row("preferences-cache-down", "defaulted_ratio");
    expect(valueWords(defaulted)).toBe("at least 99 %");
    expect(defaulted.simulated).toBeCloseTo(0.99, 2);
    expect(valueWords(row("preferences-cache-down", "opted_out_people_notified"))).toBe(
      "at least 14.8 million/min",
    );
    expect(valueWords(row("dedup-down", "duplicates"))).toBe("300,000/min");
    expect(valueWords(row("sequence-down", "repeated_ids"))).toBe("at most 100");
  });

  test("simulates nothing that goes beyond its formula's bound", () => {
    const rows = report.failures.flatMap((failure) => failure.rows);
    let compared = 0;
    for (const { id, bound, value, simulated } of rows) {
      if (value === null || simulated === undefined || simulated === null) continue;
      if (bound === "at least") expect(simulated, id).toBeGreaterThanOrEqual(value * 0.98);
      if (bound === "at most") expect(simulated, id).toBeLessThanOrEqual(value * 1.02);
      compared += 1;
    }
    expect(compared).toBeGreaterThan(9);
  });

  test("marks what the platform's description says, and what is assumed", () => {
    const from = (origin: string) =>
      figureNames.filter((name) => report.figures.values[name]?.from === origin);
    expect(from("example")).toEqual([
      "notifications_per_second",
      "preferences_shards",
      "postgres_reads_per_second",
    ]);
    for (const name of figureNames) expect(figureDefinition(name).what).not.toBe("");
  });

  test("is the same again, and leaves out roles that a platform does not have", () => {
    expect(capacityReport("example", gatherExample({}), 1)).toEqual(report);
    const small = capacityReport("small", gatherExample({}), 1, ["sequence"]);
    expect(small.failures.map(({ id }) => id)).toEqual(["sequence-down"]);
  });

  test("names what is missing where a platform's size is not known", () => {
    const { failures } = capacityReport("unknown", { values: {}, providers: [] }, 1);
    expect(failures.find(({ id }) => id === "dedup-down")).toMatchObject({
      rows: [],
      missing: ["notifications_per_second", "repeated_ratio", "outage_seconds"],
    });
  });
});

describe("a figure of one's own", () => {
  test("goes before the example's, and what follows from it is computed anew", () => {
    const { values } = gatherExample(
      parseGiven(["notifications_per_second=20000", "connected_ratio=0.5", "opted_out_ratio=0"]),
    );
    expect(values.notifications_per_second).toEqual({
      value: 20_000,
      from: "option",
      how: "--set notifications_per_second",
    });
    expect(values.workers?.value).toBe(2);
    expect([values.connected_ratio?.value, values.opted_out_ratio?.value]).toEqual([0.5, 0]);
    expect(values.recipients?.value).toBe(50_000_000);
  });

  test.each([
    ["notifications=5", /no figure "notifications"/, /notifications_per_second/],
    ["workers", /expected workers=number/, /./],
    ["workers=", /expected a number above 0, got ""/, /./],
    ["workers=0", /expected a number above 0/, /./],
    ["workers=many", /got "many"/, /./],
    ["workers=Infinity", /got "Infinity"/, /./],
    ["workers=1e99", /got "1e99"/, /./],
    ["opted_out_ratio=5", /expected a number from 0 to 1/, /./],
    ["refused_per_second=-1", /expected a number from 0 up/, /./],
    ["=5", /no figure ""/, /./],
  ])("is refused as %s", (word, message, next) => {
    let thrown: unknown;
    try {
      parseGiven([word]);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(RedisopsError);
    expect(thrown).toMatchObject({
      code: "USAGE",
      message: expect.stringMatching(message),
      next: expect.stringMatching(next),
    });
  });

  test("may not be given twice", () => {
    expect(() => parseGiven(["workers=1", "workers=2"])).toThrow("given twice");
  });
});

describe("extreme figures", () => {
  test.each([
    [
      "a tiny platform",
      ["notifications_per_second=1", "messages_per_second=0.5", "recipients=1", "notified_people=1"],
    ],
    [
      "a huge one",
      ["notifications_per_second=1e12", "messages_per_second=1e12", "workers=1", "recipients=1e12"],
    ],
    ["nobody connected", ["connected_ratio=0", "cache_hit_ratio=0", "opted_out_ratio=1"]],
    ["a drain that is too slow", ["drain_messages_per_second=1"]],
    ["one connection to Postgres", ["postgres_connections=1", "postgres_read_seconds=5"]],
  ])("give finite numbers: %s", (_what, words) => {
    const { failures } = capacityReport("extreme", gatherExample(parseGiven(words)), 1);
    for (const { rows } of failures) {
      for (const { id, value, simulated } of rows) {
        expect(value === null || Number.isFinite(value), id).toBe(true);
        expect(simulated === undefined || simulated === null || Number.isFinite(simulated), id).toBe(true);
      }
    }
  });
});

describe("the page", () => {
  const page = capacityPage({ ...report, platform: "<b>&" });

  test("holds every failure, every plot and every figure, escaped, without a script or anything from elsewhere", () => {
    for (const { id, rows } of report.failures) {
      expect(page).toContain(`<section id="${id}">`);
      for (const each of rows) expect(page).toContain(simulatedWords(each));
    }
    expect(page.match(/<svg/g)).toHaveLength(
      report.failures.flatMap(({ experiments }) => experiments).length,
    );
    expect(page).toContain("Capacity of &lt;b&gt;&amp;");
    expect(page).not.toMatch(/<script|https?:(?!\/\/www\.w3\.org\/)|<b>&/);
  });
});
