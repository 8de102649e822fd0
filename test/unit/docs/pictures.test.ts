import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { boardSpecs } from "../../../dashboards/boards.ts";
import type { DataPanel } from "../../../dashboards/panel.ts";
import { boardPicture } from "../../../scripts/pictures/board-picture.ts";
import { writtenIn } from "../../../scripts/pictures/values.ts";
import { documents, root } from "./documents.ts";
import { linksOf } from "./headings.ts";

const folder = "docs/pictures";
const pictures = readdirSync(join(root, folder));
const shown = [...documents()].flatMap(([page, text]) => linksOf(text).map((link) => join(page, "..", link)));

describe.each(pictures)("%s", (name) => {
  const svg = readFileSync(join(root, folder, name), "utf8");

  test("is a picture of at most 150 KB that needs nothing from elsewhere", () => {
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"[^>]*role="img"[\s\S]*<title>/);
    expect(svg).not.toMatch(/<script|href=|url\(|@import/);
    expect(Buffer.byteLength(svg)).toBeLessThan(150_000);
  });

  test("is shown on a page", () => {
    expect(shown).toContain(join(folder, name));
  });
});

describe("a board’s picture", () => {
  const board = boardSpecs({}).find(({ uid }) => uid === "redisops-dedup");
  if (board === undefined) throw new Error("there is no board of the filter");
  const stretch = { from: 1_000, to: 1_060, step: 30 };
  const series = [
    {
      labels: { fallback: "skip_dedup<", role: "dedup", error_class: "refused" },
      points: [1_000, 1_030, 1_060].map((at, index) => [at, index] as const),
    },
  ];
  const answers = ({ id, queries }: DataPanel) =>
    queries.map((query) => ({ query, series: id === "breakers-open-dedup" ? [] : series }));
  const svg = boardPicture({
    board,
    title: "A board & its title",
    rows: ["dedup:now", "dedup:felt"],
    answers,
    stretch,
    bands: [{ from: 0.25, to: 0.75, label: "drill" }],
  });

  test("has its rows’ panels that have data, with their names escaped, and one style", () => {
    expect(svg).toContain("<title>A board &amp; its title</title>");
    expect(svg).toContain(">Decisions made by a fallback<");
    expect(svg).toContain("skip_dedup&lt;");
    expect(svg).not.toContain(">Open breakers<");
    expect(svg).not.toContain(">Is it up?<");
    expect(svg.match(/<style>/g)).toHaveLength(1);
    expect(svg).toContain("Drawn by redisops");
  });

  test("shows states as their words, and present values as figures", () => {
    expect(svg).toMatch(/BloomCold: quiet from 0 to 0\.5, OK/);
    expect(svg).toMatch(/BloomCold: firing from 1 to 1\.5, firing/);
    expect(svg).toContain(">notifications unchecked<");
  });

  test("is the same for the same data", () => {
    const again = { board, title: "A board & its title", rows: ["dedup:now", "dedup:felt"] };
    expect(
      boardPicture({ ...again, answers, stretch, bands: [{ from: 0.25, to: 0.75, label: "drill" }] }),
    ).toBe(svg);
  });
});

test.each([
  ["percentunit", 0.5, "50 %"],
  ["s", 0.05, "50 ms"],
  ["s", 90, "90 s"],
  ["s", 600, "10 min"],
  ["bytes", 3 * 1_024 ** 2, "3 MiB"],
  ["bytes", 0, "0 B"],
  ["cps", 40, "40/s"],
  ["short", 5_000_000, "5M"],
])("%s: %d is written %s", (unit, value, text) => {
  expect(writtenIn(unit)(value)).toBe(text);
});
