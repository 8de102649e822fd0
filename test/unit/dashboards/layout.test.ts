import { expect, test } from "vitest";
import { layOut } from "../../../dashboards/layout.ts";
import type { TextPanel } from "../../../dashboards/panel.ts";
import { panelNumber } from "../../../dashboards/panel-number.ts";

const panel = (id: string, width: number, height: number): TextPanel => ({
  id,
  kind: "text",
  title: id,
  meaning: "",
  width,
  height,
  content: "",
});

test("panels fill a line, then the next one starts below the highest of it", () => {
  const placed = layOut([{ id: "a", panels: [panel("1", 12, 4), panel("2", 12, 6), panel("3", 1, 1)] }]);
  expect(placed.map(({ at }) => at)).toEqual([
    { x: 0, y: 0, w: 12, h: 4 },
    { x: 12, y: 0, w: 12, h: 6 },
    { x: 0, y: 6, w: 1, h: 1 },
  ]);
});

test("a row with a title starts with a heading over the whole width", () => {
  const placed = layOut([
    { id: "a", panels: [panel("1", 24, 3)] },
    { id: "b", title: "B", panels: [panel("2", 8, 2)] },
  ]);
  expect(placed.slice(1)).toEqual([
    { kind: "heading", id: "row:b", title: "B", at: { x: 0, y: 3, w: 24, h: 1 } },
    { kind: "panel", panel: panel("2", 8, 2), at: { x: 0, y: 4, w: 8, h: 2 } },
  ]);
});

test("a panel that is wider than the grid is refused", () => {
  expect(() => layOut([{ id: "a", panels: [panel("wide", 25, 1)] }])).toThrow(
    "Panel wide is wider than the grid",
  );
});

test("the number of a panel depends on its id alone and stays as published", () => {
  expect(panelNumber("role-up")).toBe(16650);
  expect(panelNumber("modes")).toBe(99525);
});
