import type { LabelName, MetricName } from "./metrics.ts";
import type { RecordedSeriesName } from "./recorded-series.ts";

/** A recorded series, narrowed by label values. */
export interface RecordedMeasure {
  readonly series: RecordedSeriesName;
  readonly where?: Readonly<Record<string, string>>;
}

/** One metric of the contract, narrowed by label values. */
export interface Measure {
  readonly metric: MetricName;
  readonly where?: Readonly<Partial<Record<LabelName, string>>>;
  /**
   * The recorded rate that also has what other instrumentation reports of the same: Prometheus reads it in place of the
   * metric’s rate, a single scrape reads the metric. Only for signals with a `rateWindow`.
   */
  readonly recorded?: RecordedMeasure;
}

/**
 * "This value is beyond that limit", in a form from which both the PromQL of the alert and the local verdict of
 * `redisops status` and of a recovery's verification are derived, so that the two cannot drift apart.
 */
export interface ThresholdSignal {
  readonly kind: "threshold";
  readonly measure: Measure;
  /** Divides the measure, label set by label set. */
  readonly over?: Measure;
  /** Name of the mode's threshold that holds the window over which both counters are rated. */
  readonly rateWindow?: string;
  readonly aggregate: "max" | "min" | "sum";
  readonly by: readonly LabelName[];
  readonly comparison: ">" | "<" | "==";
  /** A fixed number, or the name of one of the mode's thresholds. */
  readonly limit: number | string;
  /** Must hold as well, for the same values of its own `by` labels. */
  readonly and?: ThresholdSignal;
  /** Holds as well when this one does; `by` must be the same, since both speak of the same label sets. */
  readonly or?: ThresholdSignal;
}

/** A condition on what only Prometheus knows (is the exporter scraped at all?). */
export interface PromqlSignal {
  readonly kind: "promql";
  readonly expression: string;
  /** Why no single scrape can decide it. */
  readonly reason: string;
}

export type Signal = ThresholdSignal | PromqlSignal;
