import { chartStyle } from "../../core/chart/style.ts";
import { textElement } from "../../core/chart/text.ts";
import { escapeHtml } from "../../core/escape-html.ts";
import { layOut, type Placed } from "../../dashboards/layout.ts";
import type { BoardSpec, DataPanel } from "../../dashboards/panel.ts";
import { type AnsweredQuery, panelPicture, type Scene } from "./panel-picture.ts";

/** Columns of Grafana's grid, and of the picture in pixels. */
const grid = { columns: 24, width: 1_104, gap: 8, margin: 12 };

/** A picture within another one. */
interface Part {
  readonly x: number;
  readonly height: number;
  readonly svg: string;
}

const heightOf = (svg: string) => Number(/ height="([\d.]+)"/.exec(svg)?.[1]);

/** A chart as a part of a picture that has the style once for all. */
function embedded(svg: string, x: number, y: number): string {
  return svg
    .replace(/<style>[\s\S]*?<\/style>\n?/, "")
    .replace('<svg xmlns="http://www.w3.org/2000/svg" class="chart"', `<svg x="${x}" y="${y}"`)
    .trimEnd();
}

/** Panels that stand beside one another on the board. */
function linesOf(placed: readonly Placed[]): Placed[][] {
  return [...Map.groupBy(placed, ({ at }) => at.y).values()];
}

/** What a board's picture is made from. */
export interface BoardPicture extends Scene {
  readonly board: BoardSpec;
  readonly title: string;
  /** Ids of the rows that are shown. */
  readonly rows: readonly string[];
  answers(panel: DataPanel): readonly AnsweredQuery[];
}

/** A board's rows as one SVG picture: its panels that have data, in their places. */
export function boardPicture({ board, title, rows, answers, ...scene }: BoardPicture): string {
  const shown = layOut(
    board.rows
      .filter(({ id }) => rows.includes(id))
      .map((row) => ({
        ...row,
        panels: row.panels.filter(
          (panel) => panel.kind !== "text" && answers(panel).some(({ series }) => series.length > 0),
        ),
      })),
  );
  const unit = (grid.width - 2 * grid.margin) / grid.columns;
  const parts: string[] = [];
  let y = 46;
  for (const line of linesOf(shown)) {
    const pictures = line.flatMap(({ at, ...each }): Part[] => {
      if (each.kind === "heading" || each.panel.kind === "text") return [];
      const [x, width] = line.length === 1 ? [0, grid.columns] : [at.x, at.w];
      const svg = panelPicture(each.panel, answers(each.panel), scene, Math.floor(width * unit - grid.gap));
      return [{ x: Math.round(grid.margin + x * unit), height: heightOf(svg), svg }];
    });
    for (const placed of line.filter(({ kind }) => kind === "heading")) {
      if (placed.kind === "heading")
        parts.push(textElement(grid.margin + 16, y + 20, placed.title, 'class="heading"'));
      y += 28;
    }
    parts.push(...pictures.map(({ x, svg }) => embedded(svg, x, y)));
    const height = Math.max(0, ...pictures.map((part) => part.height));
    y += height === 0 ? 0 : height + grid.gap;
  }
  const note =
    "Drawn by redisops (scripts/pictures.ts) from what the lab’s Prometheus had; Grafana draws the same panels in its own way.";
  const height = y + 26;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" viewBox="0 0 ${grid.width} ${height}" width="${grid.width}" height="${height}">`,
    `<title>${escapeHtml(title)}</title>`,
    `<desc>${escapeHtml(`${board.description} ${note}`)}</desc>`,
    `<style>${chartStyle}</style>`,
    `<rect class="paper" width="${grid.width}" height="${height}"/>`,
    textElement(grid.margin + 16, 28, title, 'class="heading"'),
    ...parts,
    textElement(grid.margin + 16, height - 10, note, 'class="dim"'),
    "</svg>",
    "",
  ].join("\n");
}
