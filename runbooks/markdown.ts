/** A fenced code block. `indent` keeps it inside a list item. */
export function codeBlock(language: string, text: string, indent = ""): string {
  return [`\`\`\`${language}`, ...text.split("\n"), "```"].map((line) => `${indent}${line}`).join("\n");
}

/** Text in code style. */
export function inlineCode(text: string): string {
  return text.includes("`") ? `\`\` ${text} \`\`` : `\`${text}\``;
}

const cell = (text: string) => text.replaceAll("|", "\\|").replaceAll("\n", " ");

/** A table with aligned columns, as the formatter writes it. Cells are Markdown; bars and line breaks are escaped. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map(cell));
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = line(widths.map((width) => "-".repeat(width)));
  const [first = [], ...others] = cells;
  return [line(first), rule, ...others.map(line)].join("\n");
}

/** A bulleted list. `indent` keeps it inside a list item. */
export function bullets(items: readonly string[], indent = ""): string {
  return items.map((item) => `${indent}- ${item}`).join("\n");
}

/** A text of numbered steps, “1. … 2. …”, as a list with a line for each; any other text as it is. */
export function numbered(text: string): string {
  return text.startsWith("1. ") ? text.replace(/ (?=\d+\. )/g, "\n") : text;
}

/** The anchor that GitHub gives to a heading. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(" ", "-");
}

/** Joins blocks with an empty line between them and ends the file with a line break. */
export function page(blocks: readonly string[]): string {
  return `${blocks.join("\n\n")}\n`;
}
