/** A line that was not found in an output. */
export interface MissingLine {
  readonly line: string;
  /** The expected line before it, which was found; undefined for the first one. */
  readonly after: string | undefined;
}

/** What a runbook page leaves out of a line; it may be nothing, as between two columns. */
const anything = "…";

/** Columns are as wide as what is in them, so that runs of spaces mean nothing. */
const spaced = (line: string) => line.trim().replace(/\s+/g, " ");

function matcher(line: string): RegExp {
  const parts = spaced(line)
    .split(new RegExp(` ?${anything} ?`))
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`);
}

/**
 * Holds an output against the lines that it must have, in their order; others may be between them. `…` stands for anything
 * within a line. Answers the first line that is missing.
 */
export function missingLine(shows: readonly string[], output: string): MissingLine | undefined {
  const lines = output.split("\n").map(spaced);
  let from = 0;
  let after: string | undefined;
  for (const line of shows) {
    const expression = matcher(line);
    const found = lines.findIndex((each, index) => index >= from && expression.test(each));
    if (found < 0) return { line, after };
    from = found + 1;
    after = line;
  }
  return undefined;
}
