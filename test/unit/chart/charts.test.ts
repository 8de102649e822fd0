import { describe, expect, it, test } from "vitest";
import type { StackedChart } from "../../../core/chart/chart.ts";
import { lineChart } from "../../../core/chart/line-chart.ts";
import { stackedChart } from "../../../core/chart/stacked-chart.ts";
import { thin } from "../../../core/chart/thin.ts";
import { timelineChart } from "../../../core/chart/timeline-chart.ts";

const axes = { x: { label: "seconds" }, y: { label: "reads/s" } };
const chart: StackedChart = {
  title: "Reads",
  x: axes.x,
  panels: [
    {
      kind: "lines",
      y: axes.y,
      series: [
        {
          name: "cache",
          points: [
            [0, 10],
            [10, 20],
          ],
        },
        {
          name: "Postgres",
          points: [
            [0, 5],
            [10, 1],
          ],
        },
      ],
    },
    {
      kind: "timeline",
      rows: [
        {
          label: "RedisDown",
          spans: [
            { from: 1, to: 3, state: "pending" },
            { from: 3, to: 9, state: "firing", text: "notified" },
          ],
        },
      ],
    },
  ],
  marks: [{ at: 1, label: "fault" }],
  bands: [{ from: 1, to: 8, label: "away" }],
};

/** The elements of an SVG text, each with its attributes; throws where it is not well-formed. */
function elements(svg: string): { name: string; attributes: Readonly<Record<string, string>> }[] {
  const open: string[] = [];
  const found: { name: string; attributes: Record<string, string> }[] = [];
  const rest = svg.replace(
    /<(\/?)([a-z]+)((?:\s[\w:-]+="[^"<]*")*)\s*(\/?)>/gi,
    (_, end, name, attributes, self) => {
      if (end === "/") {
        if (open.pop() !== name) throw new Error(`</${name}> ends nothing`);
        return "";
      }
      if (self !== "/") open.push(name);
      const pairs = [...attributes.matchAll(/([\w:-]+)="([^"]*)"/g)].map(([, key, value]) => [key, value]);
      found.push({ name, attributes: Object.fromEntries(pairs) });
      return "";
    },
  );
  if (open.length > 0) throw new Error(`${open.join(", ")} is not ended`);
  if (/[<>]|&(?!amp;|lt;|gt;|quot;|#39;)/.test(rest.replace(/@media[^{]*|[^{}]*\{[^{}]*\}/g, ""))) {
    throw new Error("text is not escaped");
  }
  return found;
}

const numbers = (svg: string) =>
  elements(svg).flatMap(({ attributes }) =>
    ["x", "y", "x1", "x2", "y1", "y2", "width", "height", "d"].flatMap((name) => attributes[name] ?? []),
  );

describe("a chart", () => {
  const svg = stackedChart(chart);

  it("is well-formed, needs no script and nothing from elsewhere, and has a title and a description", () => {
    const found = elements(svg);
    expect(found[0]).toMatchObject({ name: "svg", attributes: { role: "img" } });
    expect(found.slice(1, 3).map(({ name }) => name)).toEqual(["title", "desc"]);
    expect(svg).toContain("<title>Reads</title>");
    expect(svg).toContain("reads/s: cache, Postgres. RedisDown: pending, firing. Marked: fault.");
    expect(svg).not.toMatch(/<script|href|url\(|@import|on\w+=/);
    expect(svg.match(/https?:[^"]*/g)).toEqual(["http://www.w3.org/2000/svg"]);
  });

  it("is the same for the same data", () => {
    expect(stackedChart(chart)).toBe(svg);
  });

  it("tells lines and states apart without their colour", () => {
    const lines = elements(svg).filter(({ attributes }) => attributes.class?.startsWith("line s"));
    const dashes = new Map(lines.map(({ attributes }) => [attributes.class, attributes["stroke-dasharray"]]));
    expect(new Set(dashes.values()).size).toBe(dashes.size);
    for (const state of ["pending", "firing"]) expect(svg).toContain(`>${state}</text>`);
  });

  it("takes no text for markup, and shows what XML cannot hold as such", () => {
    const evil = '</title><script>alert("1")</script>&\u0000\ud800';
    const shown = stackedChart({
      ...chart,
      title: evil,
      x: { label: evil },
      marks: [{ at: 1, label: evil }],
      panels: [
        { kind: "lines", y: { label: evil }, series: [{ name: evil, points: [[0, 1]] }] },
        {
          kind: "timeline",
          rows: [{ label: evil, spans: [{ from: 0, to: 1, state: "firing", text: evil }] }],
        },
      ],
    });
    expect(() => elements(shown)).not.toThrow();
    expect(shown).not.toMatch(/<script/);
    expect(shown).toContain("\u{fffd}");
  });
});

test.each<[string, string]>([
  ["no series", lineChart({ title: "t", ...axes, series: [] })],
  ["no points", lineChart({ title: "t", ...axes, series: [{ name: "a", points: [] }] })],
  ["no rows", timelineChart({ title: "t", x: axes.x, rows: [] })],
])("a chart of %s says so", (_, svg) => {
  expect(svg).toContain("no data");
});

test.each<[string, readonly (readonly [number, number])[]]>([
  ["one point", [[5, 5]]],
  [
    "the same value everywhere",
    [
      [0, 7],
      [1, 7],
    ],
  ],
  [
    "nothing but zeros",
    [
      [0, 0],
      [1, 0],
    ],
  ],
  [
    "negative values",
    [
      [0, -3],
      [1, -8],
    ],
  ],
  [
    "no numbers",
    [
      [0, Number.NaN],
      [1, Number.POSITIVE_INFINITY],
    ],
  ],
])("a line of %s has finite coordinates, on both kinds of axis", (_, points) => {
  for (const log of [{}, { log: "y" as const }]) {
    const svg = lineChart({ title: "t", ...axes, series: [{ name: "a", points }], ...log });
    for (const value of numbers(svg)) expect(value).not.toMatch(/NaN|Infinity|undefined/);
  }
});

test("a line has a gap where it has no value, and on a log axis where the value is not above zero", () => {
  const points = [
    [0, 1],
    [1, 10],
    [2, 0],
    [3, 10],
    [4, 1],
  ] as const;
  const parts = (svg: string) =>
    Math.max(
      ...elements(svg)
        .filter(({ attributes }) => attributes.class === "line s0")
        .map(({ attributes }) => attributes.d?.split("M").length ?? 0),
    ) - 1;
  const series = [{ name: "a", points }];
  expect(parts(lineChart({ title: "t", ...axes, series }))).toBe(1);
  expect(parts(lineChart({ title: "t", ...axes, series, log: "y" }))).toBe(2);
});

test("a long line is thinned to what the plot can show, and keeps its extremes and its ends", () => {
  const points = Array.from(
    { length: 100_000 },
    (_, at) => [at, at === 54_321 ? 999 : Math.sin(at)] as const,
  );
  const shown = thin(points, 500);
  expect(shown.length).toBeLessThanOrEqual(1_010);
  expect(shown).toContainEqual([54_321, 999]);
  expect(shown.map(([at]) => at)).toEqual(shown.map(([at]) => at).toSorted((a, b) => a - b));
  expect(lineChart({ title: "t", ...axes, series: [{ name: "a", points }] }).length).toBeLessThan(50_000);
});

test("labels of marks that are near one another stand in rows of their own", () => {
  const marks = ["fault", "contained", "detected"].map((label, at) => ({ at: 1 + at / 10, label }));
  const svg = stackedChart({ ...chart, bands: [], marks });
  const rows = marks.map(({ label }) => new RegExp(`y="([\\d.]+)" class="dim">${label}<`).exec(svg)?.[1]);
  expect(new Set(rows).size).toBe(3);
});
