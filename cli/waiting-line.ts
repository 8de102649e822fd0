/**
 * What a command is about to do, shown before its code is loaded, where somebody watches: the first thing that is printed
 * takes its place.
 */

const clearLine = "\r\u001b[K";

let shown = false;

/** Shows a line on the terminal that stderr is; nothing elsewhere. */
export function showWaitingLine(text: string): void {
  if (!process.stderr.isTTY) return;
  process.stderr.write(text);
  shown = true;
}

/** Takes the line away. */
export function clearWaitingLine(): void {
  if (!shown) return;
  shown = false;
  process.stderr.write(clearLine);
}
