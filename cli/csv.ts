/** What a spreadsheet takes for the beginning of a formula, also after blanks. */
const formula = /^[\s\p{Cf}]*[=+\-@|%\uff0b\uff0d\uff1d\uff20]|^[\t\r\n]/u;

/**
 * Cells as a line of CSV (RFC 4180), with its line break. Ids come from whoever made them: a cell that a spreadsheet would
 * take for a formula begins with an apostrophe, and zero bytes, which end a cell for some readers, are replaced.
 */
export function csvLine(cells: readonly (string | number)[]): string {
  return `${cells.map(csvCell).join(",")}\r\n`;
}

function csvCell(value: string | number): string {
  if (typeof value === "number") return String(value);
  const text = value.replaceAll("\0", "\u{fffd}");
  const safe = formula.test(text) ? `'${text}` : text;
  return /[",\r\n']|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
