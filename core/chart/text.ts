import { escapeHtml } from "../escape-html.ts";

/** About how wide a text is drawn at a font size, in pixels: nothing measures fonts here, so it is rather too wide. */
export function textWidth(text: string, fontSize = 12): number {
  return [...text].length * fontSize * 0.58;
}

/** A text cut to a width with an ellipsis. */
export function fitText(text: string, width: number, fontSize = 12): string {
  const characters = [...text];
  const room = Math.floor(width / (fontSize * 0.58));
  return characters.length <= room ? text : `${characters.slice(0, Math.max(0, room - 1)).join("")}…`;
}

/** A `<text>` element; `attributes` are written as they are. */
export function textElement(x: number, y: number, text: string, attributes = ""): string {
  return `<text x="${pixels(x)}" y="${pixels(y)}"${attributes === "" ? "" : ` ${attributes}`}>${escapeHtml(text)}</text>`;
}

/** A coordinate, to a tenth of a pixel. */
export function pixels(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/**
 * Puts things that take a stretch of a line into as few rows as keep them apart, in the order of their beginnings.
 * Returns the row of each.
 */
export function placeInRows(stretches: readonly { from: number; to: number }[]): number[] {
  const ends: number[] = [];
  const rows = new Array<number>(stretches.length).fill(0);
  const order = stretches.map((stretch, index) => ({ ...stretch, index })).sort((a, b) => a.from - b.from);
  for (const { from, to, index } of order) {
    const free = ends.findIndex((end) => end <= from);
    const row = free === -1 ? ends.length : free;
    ends[row] = to;
    rows[index] = row;
  }
  return rows;
}

const legendRow = 18;

/**
 * Where each name of a legend stands, from its upper left corner, with room for a sample of 34 pixels before it; and
 * how high the legend is.
 */
export function placeLegend(
  names: readonly string[],
  width: number,
): { places: { x: number; y: number; name: string }[]; height: number } {
  let [x, y] = [0, 0];
  const places = names.map((whole) => {
    const name = fitText(whole, width - 34);
    const own = 34 + textWidth(name) + 14;
    if (x > 0 && x + own - 14 > width) [x, y] = [0, y + legendRow];
    const place = { x, y, name };
    x += own;
    return place;
  });
  return { places, height: names.length === 0 ? 0 : y + legendRow };
}
