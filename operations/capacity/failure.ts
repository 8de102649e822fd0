import type { RedisRole } from "../../catalog/roles.ts";
import type { LineChart } from "../../core/chart/line-chart.ts";
import type { FigureName, Figures } from "./figures.ts";

/** In what a row's value is. */
export const units = ["per second", "per minute", "ratio", "seconds", "count", "times", "bytes"] as const;

/** One of {@link units}. */
export type Unit = (typeof units)[number];

/** What a formula can say of the truth. */
export const bounds = ["at least", "at most", "about"] as const;

/** One thing that a failure does, by formula and, where it was simulated, by simulation. */
export interface Row {
  readonly id: string;
  readonly what: string;
  readonly unit: Unit;
  /** By the formula; null where it has no bound. */
  readonly value: number | null;
  /** What the formula says of the truth; exactly when left out. */
  readonly bound?: (typeof bounds)[number];
  readonly formula: string;
  /** Whose formula it is. */
  readonly source: string;
  /** By the simulation; null where it did not end. Missing where there is none. */
  readonly simulated?: number | null;
}

/** A curve of a simulation. */
export type Plot = Pick<LineChart, "title" | "x" | "y" | "series" | "marks" | "log" | "description">;

/** What a simulation was: enough to repeat it, and to know what it leaves out. */
export interface Experiment {
  readonly id: string;
  readonly seed: number;
  /** What was simulated in place of the whole platform. */
  readonly scale: string;
  readonly plot: Plot;
}

/** One failure: what it would do. */
export interface Failure {
  readonly id: string;
  readonly title: string;
  /** The role that fails; a platform without it does not have the failure. */
  readonly role: RedisRole;
  /** Ids of the degradation modes that it shows as. */
  readonly modes: readonly string[];
  readonly rows: readonly Row[];
  readonly experiments: readonly Experiment[];
  /** Figures without which nothing could be said; then there are no rows. */
  readonly missing: readonly FigureName[];
  /** What to make of the numbers, a sentence each. */
  readonly notes: readonly string[];
}

/** What is computed of a failure when all that it needs is known. */
export type Computed = Partial<Pick<Failure, "experiments" | "notes">> & Pick<Failure, "rows">;

/** A failure that the model knows. `compute` is given the values of the figures that it needs. */
export function failure<const Name extends FigureName>(
  about: Pick<Failure, "id" | "title" | "role" | "modes">,
  needs: readonly Name[],
  compute: (values: Readonly<Record<Name, number>>) => Computed,
): (figures: Figures) => Failure {
  return ({ values }) => {
    const missing = needs.filter((name) => values[name] === undefined);
    const known = Object.fromEntries(needs.map((name) => [name, values[name]?.value ?? 0]));
    const computed = missing.length > 0 ? { rows: [] } : compute(known as Record<Name, number>);
    return { ...about, missing, experiments: [], notes: [], ...computed };
  };
}
