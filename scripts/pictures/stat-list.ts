import { chartStyle } from "../../core/chart/style.ts";
import { fitText, pixels, textElement } from "../../core/chart/text.ts";
import { escapeHtml } from "../../core/escape-html.ts";

/** Labels with their present values, under a heading. */
export interface StatList {
  readonly title: string;
  readonly description: string;
  readonly values: readonly { readonly label: string; readonly text: string }[];
  /** In pixels. */
  readonly width: number;
}

const row = 30;
const top = 44;

/** Labels and values as an SVG picture. */
export function statList({ title, description, values, width }: StatList): string {
  const height = top + Math.max(1, values.length) * row;
  const lines = values.flatMap(({ label, text }, index) => {
    const y = top + index * row + 14;
    return [
      textElement(16, y, fitText(label, width * 0.6, 12)),
      textElement(width - 16, y, text, 'class="heading" text-anchor="end"'),
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" viewBox="0 0 ${width} ${pixels(height)}" width="${width}" height="${pixels(height)}">`,
    `<title>${escapeHtml(title)}</title>`,
    `<desc>${escapeHtml(description)}</desc>`,
    `<style>${chartStyle}</style>`,
    `<rect class="paper" width="${width}" height="${pixels(height)}"/>`,
    textElement(16, 24, fitText(title, width - 32, 14), 'class="heading"'),
    ...(values.length === 0 ? [textElement(16, top + 14, "no data", 'class="dim"')] : lines),
    "</svg>",
    "",
  ].join("\n");
}
