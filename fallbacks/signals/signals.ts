import { Counter, Gauge, type Registry } from "prom-client";
import { type LabelsOf, type MetricDefinition, type MetricName, metrics } from "../../catalog/metrics.ts";
import { BatchedHistogram, type HistogramSeries } from "./batched-histogram.ts";

type NameOf<Type extends MetricDefinition["type"]> = {
  [Name in MetricName]: (typeof metrics)[Name]["type"] extends Type ? Name : never;
}[MetricName];

/** A series that is counted in memory and added to the metric when it is scraped: an increment is one addition. */
export interface CounterSeries {
  /** Increments since the last scrape. */
  pending: number;
}

/** The contract's metrics in one prom-client registry, shared by all clients that report to it. */
export class Signals {
  readonly #registry: Registry;
  readonly #series = new Map<MetricName, Map<string, unknown>>();

  private constructor(registry: Registry) {
    this.#registry = registry;
  }

  static readonly #byRegistry = new WeakMap<Registry, Signals>();

  /** The signals of a registry; the same ones for every caller. */
  static of(registry: Registry): Signals {
    let signals = Signals.#byRegistry.get(registry);
    if (signals === undefined) {
      signals = new Signals(registry);
      Signals.#byRegistry.set(registry, signals);
    }
    return signals;
  }

  /** A counter's series; it is exported as 0 until something is counted. */
  counter<Name extends NameOf<"counter">>(name: Name, labels: LabelsOf<Name>): CounterSeries {
    return this.#find(
      name,
      labels,
      () => ({ pending: 0 }),
      (all) => {
        const counter = new Counter({
          ...this.#describe(name),
          collect: () => {
            for (const [key, series] of all) {
              counter.inc(JSON.parse(key), series.pending);
              series.pending = 0;
            }
          },
        });
      },
    );
  }

  /**
   * Adds a source of a gauge's series, read at each scrape; several sources of one series add up. Returns what takes
   * it away again.
   */
  gauge<Name extends NameOf<"gauge">>(name: Name, labels: LabelsOf<Name>, read: () => number): () => void {
    const sources = this.#find(
      name,
      labels,
      () => new Set<() => number>(),
      (all) => {
        const gauge = new Gauge({
          ...this.#describe(name),
          collect: () => {
            gauge.reset();
            for (const [key, each] of all) {
              if (each.size === 0) continue;
              gauge.set(
                JSON.parse(key),
                [...each].reduce((sum, source) => sum + source(), 0),
              );
            }
          },
        });
      },
    );
    sources.add(read);
    return () => sources.delete(read);
  }

  /** A histogram's series. */
  histogram<Name extends NameOf<"histogram">>(name: Name, labels: LabelsOf<Name>): HistogramSeries {
    const { buckets } = metrics[name];
    const make = (): HistogramSeries => new BatchedHistogram(buckets);
    return this.#find(name, labels, make, (all) => {
      this.#registry.registerMetric(BatchedHistogram.metric(name, metrics[name].help, all));
    });
  }

  /** The series of the labels; the first one of a metric registers the metric. */
  #find<T>(
    name: MetricName,
    labels: Readonly<Record<string, string>>,
    make: () => T,
    register: (all: ReadonlyMap<string, T>) => void,
  ): T {
    let all = this.#series.get(name) as Map<string, T> | undefined;
    // The application may have cleared its registry meanwhile.
    if (all === undefined || this.#registry.getSingleMetric(name) === undefined) {
      all ??= new Map();
      register(all);
      this.#series.set(name, all);
    }
    const key = JSON.stringify(Object.fromEntries(Object.entries(labels).toSorted()));
    const known = all.get(key);
    if (known !== undefined) return known;
    const series = make();
    all.set(key, series);
    return series;
  }

  #describe(name: MetricName) {
    const { help, labels } = metrics[name];
    return { name, help, labelNames: [...labels], registers: [this.#registry] };
  }
}
