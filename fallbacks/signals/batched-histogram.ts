import type { Metric } from "prom-client";

/** A histogram's series; observing costs a short search and two additions. */
export interface HistogramSeries {
  observe(value: number): void;
}

/** Bucket counts of one series, without prom-client's work for every observation (measured at 1.45 M/s, with labels). */
export class BatchedHistogram implements HistogramSeries {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  /** `bounds` are the buckets' upper bounds, ascending, without infinity. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.#bounds.length && value > (this.#bounds[bucket] ?? 0)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += value;
  }

  /** All series of one metric in the form that a prom-client registry renders. `all` is by the labels as JSON. */
  static metric(name: string, help: string, all: ReadonlyMap<string, HistogramSeries>): Metric {
    const get = async () => ({
      name,
      help,
      type: "histogram",
      aggregator: "sum",
      values: [...all].flatMap(([key, series]) =>
        series instanceof BatchedHistogram ? series.#values(name, JSON.parse(key)) : [],
      ),
    });
    // prom-client declares its metrics as classes with private fields, and asks a registered one for these members only.
    return { name, help, get, reset: () => undefined } as unknown as Metric;
  }

  #values(name: string, labels: Readonly<Record<string, string>>) {
    let total = 0;
    const buckets = this.#counts.map((count, index) => {
      total += count;
      const le = this.#bounds[index] ?? "+Inf";
      return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: total };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: this.#sum },
      { metricName: `${name}_count`, labels, value: total },
    ];
  }
}
