import { healthySeries } from "../catalog/healthy-series.ts";
import { type MetricDefinition, type MetricName, metrics } from "../catalog/metrics.ts";
import type { AlertScenario, FaultSeries } from "../catalog/mode.ts";
import { parseDuration } from "../core/duration.ts";
import type { Sample } from "../core/samples.ts";

/** Scenarios last a multiple of this, in minutes: series of equal length are written once in the test file. */
const lengthStep = 30;

/** Samples one minute apart: a gauge's stay as they are, a counter's grow by `step`; undefined where there are none. */
interface Run {
  readonly start: number | undefined;
  readonly step: number;
  readonly samples: number;
}

/** One input series of an alert test, from minute 0 on. */
export interface ScenarioSeries {
  readonly metric: FaultSeries["metric"];
  readonly labels: Readonly<Record<string, string | undefined>>;
  readonly runs: readonly Run[];
}

const isMetric = (metric: FaultSeries["metric"]): metric is MetricName => metric in metrics;

/** The series of a histogram are counters, all of them. */
const isCounter = (metric: FaultSeries["metric"]) =>
  metric !== "up" && (!isMetric(metric) || (metrics[metric] as MetricDefinition).type === "counter");

const identity = (series: Pick<FaultSeries, "metric" | "labels">) =>
  `${series.metric}${JSON.stringify(Object.entries(series.labels).sort())}`;

/** A fault's runs, of which the last goes on to the end. */
function faultRuns(fault: FaultSeries, length: number): Run[] {
  const counter = isCounter(fault.metric);
  const missing = length - fault.runs.reduce((sum, { samples }) => sum + samples, 0);
  let total = 0;
  return fault.runs.map(({ value, samples: own }, index) => {
    const samples = index === fault.runs.length - 1 ? own + Math.max(0, missing) : own;
    if (value === "stale") return { start: undefined, step: 0, samples };
    if (!counter) return { start: value, step: 0, samples };
    const run = { start: total + value, step: value, samples };
    total += value * samples;
    return run;
  });
}

/** Samples one minute apart that a scenario's last moment needs, the one at 0 included. */
function lengthOf({ expect }: AlertScenario): number {
  const needed = Math.max(1, ...expect.map(({ at }) => parseDuration(at) / 60_000 + 1));
  return Math.ceil(needed / lengthStep) * lengthStep;
}

const healthyByLength = new Map<number, ReadonlyMap<string, ScenarioSeries>>();

/** The healthy platform over so many minutes, always the same objects. */
function healthyOver(length: number): ReadonlyMap<string, ScenarioSeries> {
  const known = healthyByLength.get(length);
  if (known !== undefined) return known;
  const series = healthySeries.map(({ metric, labels, value, increase }) => ({
    metric,
    labels,
    runs: [{ start: value, step: increase ?? 0, samples: length }],
  }));
  const fresh = new Map(series.map((each) => [identity(each), each]));
  healthyByLength.set(length, fresh);
  return fresh;
}

/**
 * All series of a scenario: the healthy platform with the scenario's faults in place of their healthy counterparts.
 * Throws where a fault changes a series that the healthy platform does not have.
 */
export function scenarioSeries(scenario: AlertScenario): ScenarioSeries[] {
  const length = lengthOf(scenario);
  const healthy = healthyOver(length);
  const faults = new Map(scenario.faults.map((fault) => [identity(fault), fault]));
  const unknown = [...faults.keys()].filter((key) => !healthy.has(key));
  if (unknown.length > 0)
    throw new Error(`Scenario "${scenario.name}" changes series that no healthy platform has: ${unknown}`);
  return [...healthy].map(([key, series]) => {
    const fault = faults.get(key);
    return fault === undefined ? series : { ...series, runs: faultRuns(fault, length) };
  });
}

/** The value that a series has at that minute. */
function valueAt(runs: readonly Run[], minute: number): number | undefined {
  let from = 0;
  for (const { start, step, samples } of runs) {
    if (minute < from + samples) return start === undefined ? undefined : start + step * (minute - from);
    from += samples;
  }
  return undefined;
}

/** What a single scrape at that minute would have shown. */
export function samplesAt(series: readonly ScenarioSeries[], minute: number): Sample[] {
  return series.flatMap(({ metric, labels, runs }) => {
    const value = valueAt(runs, minute);
    if (value === undefined || !isMetric(metric)) return [];
    const defined = Object.entries(labels).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    );
    return [{ metric, labels: Object.fromEntries(defined), value }];
  });
}

/** A run in promtool's notation, in which `x3` is three samples more. */
function promtoolRun({ start, step, samples }: Run): string {
  if (samples <= 0) return "";
  if (start === undefined) return samples === 1 ? "stale" : `stale _x${samples - 1}`;
  const more = samples === 1 ? "" : `x${samples - 1}`;
  return step === 0 || more === "" ? `${start}${more}` : `${start}+${step}${more}`;
}

/** A series in promtool's notation. */
function written({ metric, labels, runs }: ScenarioSeries) {
  const matchers = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return {
    series: `${metric}{${matchers.join(", ")}}`,
    values: runs
      .map(promtoolRun)
      .filter((run) => run !== "")
      .join(" "),
  };
}

const writtenSeries = new WeakMap<ScenarioSeries, ReturnType<typeof written>>();

/** A series in promtool's notation: the same object for the same series, so that YAML can refer to it. */
export function promtoolSeries(series: ScenarioSeries): ReturnType<typeof written> {
  const known = writtenSeries.get(series) ?? written(series);
  writtenSeries.set(series, known);
  return known;
}
