import { type MetricDefinition, type MetricName, metrics } from "../../catalog/metrics.ts";
import type { DegradationMode } from "../../catalog/mode.ts";
import { recordedSeries } from "../../catalog/recorded-series.ts";
import type { Measure, Signal, ThresholdSignal } from "../../catalog/signal.ts";
import { slos } from "../../catalog/slos.ts";

/** A series as the exporter serves it. */
export interface Exported {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Series that no exporter serves, with what makes them. */
const madeByPrometheus: Readonly<Record<string, string>> = {
  up: "Prometheus writes it for each target of each scrape",
  ALERTS: "Prometheus writes it for each alert that is pending or firing",
};

/** Modes whose signal looks at no series at all, with why. */
const withoutMetric: Readonly<Record<string, string>> = {
  Watchdog: "it must hold whatever is measured",
};

const promqlWords = new Set(
  "and or unless on ignoring by without group_left group_right bool offset inf nan".split(" "),
);

/** The names of the series in an expression of PromQL. */
export function seriesIn(expression: string): string[] {
  const bare = expression
    .replace(/\$\w+/g, "")
    .replace(/"(?:[^"\\]|\\.)*"/g, '""')
    .replace(/\{[^}]*\}|\[[^\]]*\]/g, "")
    .replace(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, "");
  const names = bare.match(/[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])/g) ?? [];
  return [...new Set(names.filter((name) => !promqlWords.has(name.toLowerCase())))];
}

/** The measures of a signal, its guard's included, with the labels that must be there to group by. */
function measuresOf(
  signal: ThresholdSignal,
): { readonly measure: Measure; readonly by: readonly string[] }[] {
  const own = [signal.measure, ...(signal.over === undefined ? [] : [signal.over])];
  return [
    ...own.map((measure) => ({ measure, by: signal.by })),
    ...[signal.and, signal.or].flatMap((more) => (more === undefined ? [] : measuresOf(more))),
  ];
}

/**
 * Whether a series comes from elsewhere than the exporter: from Prometheus and its recording rules, or from applications,
 * whose part of the contract application-metrics.test.ts looks at.
 */
function madeElsewhere(series: string): boolean {
  const all: Readonly<Record<string, MetricDefinition>> = metrics;
  const definition = all[series] ?? all[series.replace(/_(?:bucket|sum|count)$/, "")];
  return series in madeByPrometheus || series in recordedSeries || definition?.emitter === "application";
}

/** The labels that a metric has by the contract: a signal may group by more, as two of its measures have different ones. */
const declared = ({ metric }: Measure): readonly string[] => (metrics[metric] as MetricDefinition).labels;

function unservedMeasures(signal: ThresholdSignal, page: readonly Exported[]): string[] {
  return measuresOf(signal).flatMap(({ measure, by }) => {
    if (madeElsewhere(measure.metric)) return [];
    const wanted = Object.entries(measure.where ?? {});
    const served = page.some(
      ({ name, labels }) =>
        name === measure.metric &&
        wanted.every(([label, value]) => labels[label] === value) &&
        by.every((label) => label in labels || !declared(measure).includes(label)),
    );
    if (served) return [];
    return [`${measure.metric} ${JSON.stringify(measure.where ?? {})} by ${by.join(", ")}`];
  });
}

/** The names of the metrics that a signal looks at. */
function metricsOf(signal: Signal): string[] {
  if (signal.kind === "promql") return [signal.value, signal.and ?? ""].flatMap(seriesIn);
  if (signal.kind === "burn-rate") return [slos[signal.slo].bad, slos[signal.slo].all].flatMap(seriesIn);
  return measuresOf(signal).map(({ measure }) => measure.metric);
}

/** Modes whose signal looks at something that the exporter's page does not have. */
export function unexportedSignals(modes: readonly DegradationMode[], page: readonly Exported[]): string[] {
  return modes.flatMap(({ id, signal }) => {
    if (metricsOf(signal).length === 0) {
      return id in withoutMetric
        ? []
        : [`${id}: its signal looks at no metric; say why in withoutMetric, test/closure/metrics.ts`];
    }
    const missing =
      signal.kind !== "threshold"
        ? metricsOf(signal).filter(
            (metric) => !madeElsewhere(metric) && !page.some(({ name }) => name === metric),
          )
        : unservedMeasures(signal, page);
    return missing.map(
      (metric) => `${id}: the exporter does not serve ${metric}; emit it in a probe in exporters/`,
    );
  });
}

/** Differences between the contract and the exporter's page, in both directions. */
export function contractGaps(contract: readonly MetricName[], page: readonly Exported[]): string[] {
  const served = new Set(page.map(({ name }) => name));
  const known = new Set<string>(contract);
  return [
    ...contract
      .filter((metric) => !served.has(metric))
      .map((metric) => `${metric}: in catalog/metrics.ts, but no probe in exporters/ emits it`),
    ...[...served]
      .filter((metric) => !known.has(metric))
      .map((metric) => `${metric}: served, but not declared in catalog/metrics.ts`),
  ];
}

/** Metrics of the contract that nobody would look at. */
export function unusedMetrics(
  contract: readonly MetricName[],
  modes: readonly DegradationMode[],
  expressions: readonly string[],
): string[] {
  const used = new Set([
    ...modes.flatMap(({ signal }) => metricsOf(signal)),
    ...expressions.flatMap(seriesIn),
  ]);
  const parts = ["", "_bucket", "_count"]; // of a histogram
  return contract
    .filter((metric) => !parts.some((part) => used.has(`${metric}${part}`)))
    .map(
      (metric) => `${metric}: no signal and no panel uses it; draw it on a board in dashboards/ or remove it`,
    );
}
