import { healthySeries } from "../catalog/healthy-series.ts";
import { type MetricDefinition, type MetricName, metrics } from "../catalog/metrics.ts";
import type { AlertScenario, FaultSeries } from "../catalog/mode.ts";
import type { Sample } from "../core/samples.ts";

/** Samples that every series has, one minute apart: longer than any scenario. */
const length = 90;

/** One input series of an alert test: a value for each minute, undefined where there is none. */
export interface ScenarioSeries {
  readonly metric: FaultSeries["metric"];
  readonly labels: Readonly<Record<string, string | undefined>>;
  readonly values: readonly (number | "stale" | undefined)[];
}

const isCounter = (metric: FaultSeries["metric"]) =>
  metric !== "up" && (metrics[metric] as MetricDefinition).type === "counter";

const identity = (series: Pick<FaultSeries, "metric" | "labels">) =>
  `${series.metric}${JSON.stringify(Object.entries(series.labels).sort())}`;

/** A counter's value grows by the run's value each minute; a gauge holds it. */
function expand(fault: FaultSeries): (number | "stale" | undefined)[] {
  const values: (number | "stale" | undefined)[] = [];
  let total = 0;
  for (const { value, samples } of fault.runs) {
    for (let index = 0; index < samples; index += 1) {
      if (value === "stale") values.push(index === 0 ? "stale" : undefined);
      else if (isCounter(fault.metric)) {
        total += value;
        values.push(total);
      } else values.push(value);
    }
  }
  return values;
}

/** All series of a scenario: the healthy platform with the scenario's faults in place of their healthy counterparts. */
export function scenarioSeries(scenario: AlertScenario): ScenarioSeries[] {
  const faults = new Map(scenario.faults.map((fault) => [identity(fault), fault]));
  const known = new Set(healthySeries.map(identity));
  const unknown = [...faults.keys()].filter((key) => !known.has(key));
  if (unknown.length > 0)
    throw new Error(`Scenario "${scenario.name}" changes series that no healthy platform has: ${unknown}`);
  return healthySeries.map((healthy) => {
    const fault = faults.get(identity(healthy));
    const values =
      fault === undefined
        ? Array.from({ length }, (_, minute) => healthy.value + (healthy.increase ?? 0) * minute)
        : expand(fault);
    return { metric: healthy.metric, labels: healthy.labels, values };
  });
}

/** What a single scrape at that minute would have shown. */
export function samplesAt(series: readonly ScenarioSeries[], minute: number): Sample[] {
  return series.flatMap(({ metric, labels, values }) => {
    const value = values[minute];
    if (typeof value !== "number" || metric === "up") return [];
    const defined = Object.entries(labels).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    );
    return [{ metric: metric satisfies MetricName, labels: Object.fromEntries(defined), value }];
  });
}

/** A series in promtool's notation. */
export function promtoolSeries({ metric, labels, values }: ScenarioSeries): {
  series: string;
  values: string;
} {
  const matchers = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return {
    series: `${metric}{${matchers.join(", ")}}`,
    values: values.map((value) => (value === undefined ? "_" : String(value))).join(" "),
  };
}
