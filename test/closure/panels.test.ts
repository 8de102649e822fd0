import { expect, test } from "vitest";
import { modes } from "../../catalog/modes.ts";
import { boardSpecs } from "../../dashboards/boards.ts";
import { buildDashboards } from "../../dashboards/build.ts";
import type { BoardSpec } from "../../dashboards/panel.ts";
import { committedPanelNumbers } from "./committed.ts";
import { changed, without } from "./doctored.ts";
import { committedGaps, panelGaps, withoutMode } from "./panels.ts";

const boards = boardSpecs({});
const gaps = (...words: Parameters<typeof panelGaps>) => panelGaps(...words).join("\n");

/** The boards without the panels of that id. */
const withoutPanel = (id: string): BoardSpec[] =>
  boards.map((board) => ({
    ...board,
    rows: board.rows.map((row) => ({ ...row, panels: row.panels.filter((panel) => panel.id !== id) })),
  }));

test("every mode has a panel on its own board, and every panel a mode", () => {
  expect(panelGaps(modes, boards)).toEqual([]);
  expect(gaps(changed("Watchdog", { panels: [] }), boards)).toMatch(/^Watchdog: no panel shows it/m);
  expect(gaps(changed("BloomCold", { panels: ["bloom-canary"] }), boards)).toMatch(
    /^BloomCold: names the panel bloom-canary, which no board in dashboards\//m,
  );
  expect(gaps(changed("BloomCold", { board: "redisops-exporter" }), boards)).toMatch(
    /^BloomCold: its board redisops-exporter has none of its panels/m,
  );
  expect(gaps(modes, withoutPanel("bloom-canaries"))).toMatch(/^BloomCold: names the panel bloom-canaries/m);
  expect(gaps(without("BloomCold"), boards)).toMatch(/: stands for BloomCold, which is no mode/);
});

test("a panel without a mode is one that truly stands for none", () => {
  expect(gaps(modes, boards, {})).toMatch(/^purpose: no mode names this panel/m);
  expect(gaps(modes, boards, { ...withoutMode, gone: "x" })).toBe(
    "gone: in withoutMode, but on no board; remove it there",
  );
  expect(gaps(modes, boards, { ...withoutMode, "bloom-canaries": "x" })).toMatch(
    /^bloom-canaries: in withoutMode, although a mode names it/,
  );
});

test("the committed boards have the panels that are built", () => {
  const panels = Object.assign(
    {},
    ...buildDashboards({ thresholds: {}, runbookBaseUrl: "https://runbooks.example" }).map(
      (board) => board.panels,
    ),
  ) as Record<string, number>;
  const committed = committedPanelNumbers();
  expect(committedGaps(panels, committed)).toEqual([]);
  expect(committedGaps({ ...panels, extra: 7 }, committed)).toEqual([
    expect.stringMatching(/^extra: not on the boards.*npm run generate/),
  ]);
  expect(committedGaps(panels, new Set([...committed, 7]))).toEqual([
    expect.stringMatching(/^panel 7: on the boards/),
  ]);
});
