/**
 * What a command is about to do: bin/redisops.js shows it before any code is loaded, where somebody watches. The first
 * thing that is printed takes its place.
 */

let shown = "";

/** Told which line is on the terminal that stderr is; empty for none. */
export function waitingLineIs(text: string): void {
  shown = text;
}

/** Takes the line away. */
export function clearWaitingLine(): void {
  if (shown === "") return;
  // Blanks, as a terminal may know no escape codes, and NO_COLOR asks for none.
  process.stderr.write(`\r${" ".repeat(shown.length)}\r`);
  shown = "";
}
