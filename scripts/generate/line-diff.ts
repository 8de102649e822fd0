/** How much of a difference is worth printing: places, and lines of each side at a place. */
const shownHunks = 3;
const shownLines = 6;
/** How far ahead the texts are searched for a line that they share again. */
const lookAhead = 400;

interface Hunk {
  readonly line: number;
  readonly removed: readonly string[];
  readonly added: readonly string[];
}

/** The nearest place ahead at which both texts have the same line, as offsets into each. */
function nextCommon(
  old: readonly string[],
  fresh: readonly string[],
  at: number,
  freshAt: number,
): [number, number] {
  for (let distance = 1; distance <= lookAhead; distance += 1) {
    for (let skip = 0; skip <= distance; skip += 1) {
      const line = old[at + skip];
      if (line !== undefined && line === fresh[freshAt + distance - skip]) return [skip, distance - skip];
    }
  }
  return [old.length - at, fresh.length - freshAt];
}

function hunks(old: readonly string[], fresh: readonly string[]): Hunk[] {
  const found: Hunk[] = [];
  let at = 0;
  let freshAt = 0;
  while (at < old.length || freshAt < fresh.length) {
    if (at < old.length && old[at] === fresh[freshAt]) {
      at += 1;
      freshAt += 1;
      continue;
    }
    const [removed, added] = nextCommon(old, fresh, at, freshAt);
    found.push({
      line: at + 1,
      removed: old.slice(at, at + removed),
      added: fresh.slice(freshAt, freshAt + added),
    });
    at += removed;
    freshAt += added;
  }
  return found;
}

function side(mark: string, lines: readonly string[]): string[] {
  const shown = lines.slice(0, shownLines).map((line) => `${mark} ${line.slice(0, 160)}`);
  return lines.length > shownLines
    ? [...shown, `${mark} ... ${lines.length - shownLines} more lines`]
    : shown;
}

/** The first places at which two texts differ, with line numbers of the first; empty when they are equal. */
export function lineDiff(before: string, after: string): string[] {
  if (before === after) return [];
  const found = hunks(before.split("\n"), after.split("\n"));
  const shown = found
    .slice(0, shownHunks)
    .flatMap(({ line, removed, added }) => [`@@ line ${line}`, ...side("-", removed), ...side("+", added)]);
  return found.length > shownHunks ? [...shown, `@@ and ${found.length - shownHunks} more places`] : shown;
}
