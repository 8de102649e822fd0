import type { LabelName, MetricName } from "./metrics.ts";
import type { RecordedSeriesName } from "./recorded-series.ts";
import type { SloId } from "./slos.ts";

/** A recorded series, narrowed by label values. */
export interface RecordedMeasure {
  readonly series: RecordedSeriesName;
  readonly where?: Readonly<Record<string, string>>;
}

/** One metric of the contract, narrowed by label values. */
export interface Measure {
  readonly metric: MetricName;
  readonly where?: Readonly<Partial<Record<LabelName, string>>>;
  /** Series with one of these label values do not count. */
  readonly except?: Readonly<Partial<Record<LabelName, string>>>;
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

/** A value that only Prometheus knows: over time, over several processes, or of series that are absent. */
export interface PromqlSignal {
  readonly kind: "promql";
  /** PromQL of what is compared; `$name` stands for the mode's threshold of that name, as a window for example. */
  readonly value: string;
  /** Labels of the value's series. */
  readonly by: readonly LabelName[];
  /** Left out where the value alone decides: the mode then holds for each series that it has. */
  readonly compared?: {
    readonly comparison: ThresholdSignal["comparison"];
    /** A fixed number, or the name of one of the mode's thresholds. */
    readonly limit: number | string;
  };
  /** PromQL that must have a series with the same labels as well; `$name` as in `value`. */
  readonly and?: string;
  /** Why no single scrape can decide it. */
  readonly reason: string;
}

/**
 * More of an objective's error budget is used up than may be: in two windows at once, of which the short one ends the
 * alert soon after its cause. The factors are in catalog/slos.ts.
 */
export interface BurnRateSignal {
  readonly kind: "burn-rate";
  readonly slo: SloId;
  readonly by: readonly LabelName[];
  /** Name of the mode's threshold that holds the share of events that must go well. */
  readonly objective: string;
  /** Name of the mode's threshold that holds the events per second below which nothing is concluded. */
  readonly minRate: string;
  /** Why no single scrape can decide it. */
  readonly reason: string;
}

export type Signal = ThresholdSignal | PromqlSignal | BurnRateSignal;
