/** One line of a benchmark: what was measured, beside its peer and its target. */
export interface Figure {
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  /** The peer's value in the same unit; null where there is none. */
  readonly peer: number | null;
  /** With a peer the target of ours / peer, without one that of `ours` itself. */
  readonly target: number;
  readonly better: "higher" | "lower";
}

/** Takes the measurements of one benchmark; `log` takes lines about what is going on. */
export type Benchmark = (log: (line: string) => void) => Promise<readonly Figure[]>;

/** The middle value; the mean of the two middle ones of an even number of values; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2;
}

/**
 * Runs the contenders in turn, so that whatever else happens on the machine meets them all: one round that does not
 * count, as a warm-up of the servers' caches, then `rounds` that do.
 *
 * @param contenders each makes one run and returns its measurement
 * @returns the measurements of each contender, in the order they were taken
 */
export async function alternate<Name extends string, T>(
  contenders: Readonly<Record<Name, () => Promise<T>>>,
  rounds: number,
): Promise<Record<Name, T[]>> {
  const names = Object.keys(contenders) as Name[];
  const results = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, T[]>;
  for (let round = 0; round <= rounds; round++) {
    for (const name of names) {
      const result = await contenders[name]();
      if (round > 0) results[name].push(result);
    }
  }
  return results;
}

/** What a figure's target is compared with. */
function compared(figure: Figure): number {
  return figure.peer === null ? figure.ours : figure.ours / figure.peer;
}

/** Whether a figure reaches its target. */
function reached(figure: Figure): boolean {
  return figure.better === "higher" ? compared(figure) >= figure.target : compared(figure) <= figure.target;
}

/** The figures as a table for people. */
export function table(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => {
    const times = figure.peer === null ? "" : "x";
    const sign = figure.better === "higher" ? ">=" : "<=";
    return [
      figure.what,
      figure.unit,
      short(figure.ours),
      figure.peer === null ? "-" : short(figure.peer),
      figure.peer === null ? "-" : `${short(compared(figure))}x`,
      `${sign} ${short(figure.target)}${times}`,
      reached(figure) ? "reached" : "MISSED",
    ];
  });
  const all = [["figure", "unit", "ours", "peer", "ours/peer", "target", ""], ...rows];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? [];
  return all
    .map((row) =>
      row
        .map((cell, column) => pad(cell, widths[column] ?? 0, column))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function pad(cell: string, width: number, column: number): string {
  return column >= 2 && column <= 5 ? cell.padStart(width) : cell.padEnd(width);
}

function short(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: value < 100 ? 2 : 0 });
}
