import { expect, test } from "vitest";
import { z } from "zod";
import { v2Manifest } from "../../../dashboards/v2.ts";
import { allBoards } from "./board.ts";
import { type V2Board, v2Schema } from "./v2-schema.ts";

const manifests = allBoards().map((classic) => ({
  classic,
  manifest: v2Manifest(classic.built.json) as unknown as V2Board,
}));

test("every manifest is of the v2 schema, and nothing else is in it", () => {
  for (const { classic, manifest } of manifests) {
    const result = v2Schema.safeParse(manifest);
    expect(result.error && z.prettifyError(result.error), classic.board.uid).toBeUndefined();
    expect(manifest.metadata.name).toBe(classic.board.uid);
  }
});

test("the schema refuses what Grafana would", () => {
  const [first] = manifests;
  const broken = (change: (spec: Record<string, unknown>) => void) => {
    const copy = JSON.parse(JSON.stringify(first?.manifest)) as { spec: Record<string, unknown> };
    change(copy.spec);
    return v2Schema.safeParse(copy).success;
  };
  expect(broken(() => undefined)).toBe(true);
  expect(broken((spec) => delete spec.elements)).toBe(false);
  expect(broken((spec) => Object.assign(spec, { panels: [] }))).toBe(false);
  expect(broken((spec) => Object.assign(spec, { cursorSync: 1 }))).toBe(false);
  expect(broken((spec) => Object.assign(spec, { layout: { kind: "Grid", spec: {} } }))).toBe(false);
});

test("a manifest has the panels of its classic board, each in its place once", () => {
  for (const { classic, manifest } of manifests) {
    const { elements, layout } = manifest.spec;
    const panels = classic.board.panels.filter(({ type }) => type !== "row");
    expect(Object.keys(elements)).toEqual(panels.map(({ id }) => `panel-${id}`));
    const placed = layout.spec.rows.flatMap((row) => row.spec.layout.spec.items.map(({ spec }) => spec));
    expect(placed.map(({ element }) => element.name)).toEqual(Object.keys(elements));
    for (const [index, { type, title, gridPos, targets = [] }] of panels.entries()) {
      const element = Object.values(elements)[index];
      expect(element?.spec.title).toBe(title);
      expect(element?.spec.vizConfig.group).toBe(type);
      expect(placed[index]).toMatchObject({ x: gridPos.x, width: gridPos.w, height: gridPos.h });
      expect(element?.spec.data.spec.queries.map(({ spec }) => [spec.refId, spec.query.spec.expr])).toEqual(
        targets.map(({ refId, expr }) => [refId, expr]),
      );
    }
    const headings = classic.board.panels.filter(({ type }) => type === "row").map(({ title }) => title);
    expect(layout.spec.rows.map((row) => row.spec.title).filter((title) => title !== "")).toEqual(headings);
    for (const row of layout.spec.rows)
      expect(Math.min(...row.spec.layout.spec.items.map(({ spec }) => spec.y))).toBe(0);
  }
});
