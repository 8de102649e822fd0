import type { CapacityReport } from "./capacity-report.ts";

/** Six digits are more than the model knows. */
const rounded = (_key: string, value: unknown) =>
  typeof value === "number" ? Number(value.toPrecision(6)) : value;

/** The report as `--json` prints it; operations/json-output has its schema. */
export function capacityDocument({ platform, seed, figures, failures }: CapacityReport): unknown {
  const document = {
    platform,
    seed,
    figures: figures.values,
    providers: figures.providers,
    failures: failures.map(({ experiments, ...failure }) => ({
      ...failure,
      simulations: experiments.map(({ plot: { title, x, y, series }, ...experiment }) => ({
        ...experiment,
        title,
        x: x.label,
        y: y.label,
        series,
      })),
    })),
  };
  return JSON.parse(JSON.stringify(document, rounded)) as unknown;
}
