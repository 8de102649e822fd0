import type { PanelSpec, RowSpec } from "./panel.ts";

/** Width of Grafana's grid. */
const gridWidth = 24;
const headingHeight = 1;

export interface GridPosition {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

/** A heading or a panel with its place on the board, in reading order. */
export type Placed =
  | { readonly kind: "heading"; readonly id: string; readonly title: string; readonly at: GridPosition }
  | { readonly kind: "panel"; readonly panel: PanelSpec; readonly at: GridPosition };

/** Places rows from top to bottom and their panels from left to right, in lines of panels that fit the grid's width. */
export function layOut(rows: readonly RowSpec[]): Placed[] {
  const placed: Placed[] = [];
  let y = 0;
  for (const row of rows) {
    if (row.title !== undefined) {
      const at = { x: 0, y, w: gridWidth, h: headingHeight };
      placed.push({ kind: "heading", id: `row:${row.id}`, title: row.title, at });
      y += headingHeight;
    }
    let x = 0;
    let lineHeight = 0;
    for (const panel of row.panels) {
      if (x + panel.width > gridWidth) {
        x = 0;
        y += lineHeight;
        lineHeight = 0;
      }
      if (x + panel.width > gridWidth) throw new Error(`Panel ${panel.id} is wider than the grid`);
      placed.push({ kind: "panel", panel, at: { x, y, w: panel.width, h: panel.height } });
      x += panel.width;
      lineHeight = Math.max(lineHeight, panel.height);
    }
    y += lineHeight;
  }
  return placed;
}
