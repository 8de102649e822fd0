import { expect, test } from "vitest";
import { promtoolSeries, samplesAt, scenarioSeries } from "../../../alerts/scenario-series.ts";
import { healthySeries } from "../../../catalog/healthy-series.ts";
import type { AlertScenario, FaultSeries } from "../../../catalog/mode.ts";

const account = { role: "token_bucket", provider: "twilio", account: "main" } as const;

const scenario = (...faults: FaultSeries[]): AlertScenario => ({ name: "a test", faults, expect: [] });

const valuesOf = (series: Parameters<typeof promtoolSeries>[0] | undefined) =>
  series && promtoolSeries(series).values;

const seriesOf = (metric: string, ...faults: FaultSeries[]) =>
  scenarioSeries(scenario(...faults)).find((each) => each.metric === metric);

test("without a fault every series keeps its healthy value, and counters grow", () => {
  const series = scenarioSeries(scenario());
  expect(series).toHaveLength(healthySeries.length);
  expect(valuesOf(seriesOf("redisops_bloom_canary_ids"))).toBe("200x29");
  expect(valuesOf(seriesOf("redisops_provider_requests_total"))).toMatch(/^0\+\d+x29$/);
});

test("a fault replaces the series with the same labels alone", () => {
  const fault: FaultSeries = {
    metric: "redisops_role_up",
    labels: { role: "dedup" },
    runs: [{ value: 0, samples: 2 }],
  };
  const ups = scenarioSeries(scenario(fault)).filter(({ metric }) => metric === "redisops_role_up");
  expect(ups.filter((each) => valuesOf(each) === "0x29").map(({ labels }) => labels)).toEqual([
    { role: "dedup" },
  ]);
});

test("runs are strung together: gauges hold, counters grow, stale ends a series", () => {
  const gauge = seriesOf("redisops_bloom_canary_absent_ratio", {
    metric: "redisops_bloom_canary_absent_ratio",
    labels: { role: "dedup" },
    runs: [
      { value: 0, samples: 1 },
      { value: "stale", samples: 3 },
      { value: 0.5, samples: 1 },
    ],
  });
  expect(valuesOf(gauge)).toBe("0 stale _x2 0.5x25");
  const counter = seriesOf("redisops_provider_throttled_total", {
    metric: "redisops_provider_throttled_total",
    labels: account,
    runs: [
      { value: 6, samples: 2 },
      { value: 100, samples: 2 },
    ],
  });
  expect(counter && promtoolSeries(counter)).toEqual({
    series: 'redisops_provider_throttled_total{role="token_bucket", provider="twilio", account="main"}',
    values: "6+6x1 112+100x27",
  });
  const values = [0, 1, 2, 3, 29].map((minute) =>
    counter === undefined ? [] : samplesAt([counter], minute).map(({ value }) => value),
  );
  expect(values).toEqual([[6], [12], [112], [212], [2812]]);
});

test("a scenario that ends late has series that last as long, and equal series are the same object", () => {
  const late = scenarioSeries({ name: "late", faults: [], expect: [{ at: "2h", firing: [] }] });
  expect(late.map(valuesOf).every((values) => values?.endsWith("x149"))).toBe(true);
  const [one, other] = [scenario(), scenario()].map((each) => scenarioSeries(each).map(promtoolSeries));
  expect(one?.every((series, index) => series === other?.[index])).toBe(true);
});

test("no two series of the healthy platform are the same", () => {
  const names = scenarioSeries(scenario()).map((each) => promtoolSeries(each).series);
  expect(names).toHaveLength(healthySeries.length);
  expect(new Set(names).size).toBe(names.length);
});

test("a scrape at a minute has what is there then, and nothing that only Prometheus knows", () => {
  const samples = samplesAt(
    scenarioSeries(
      scenario({
        metric: "redisops_bloom_canary_absent_ratio",
        labels: { role: "dedup" },
        runs: [
          { value: 0.25, samples: 1 },
          { value: "stale", samples: 1 },
        ],
      }),
    ),
    0,
  );
  expect(samples).toContainEqual({
    metric: "redisops_bloom_canary_absent_ratio",
    labels: { role: "dedup" },
    value: 0.25,
  });
  expect(samples.map(({ metric }) => String(metric))).not.toContain("up");
  expect(samplesAt(scenarioSeries(scenario()), 1000)).toEqual([]);
});

test("a fault in a series that no healthy platform has is refused: the test would prove nothing", () => {
  const fault: FaultSeries = {
    metric: "redisops_role_up",
    labels: { role: "misspelt" },
    runs: [{ value: 0, samples: 1 }],
  };
  expect(() => scenarioSeries(scenario(fault))).toThrow(
    /changes series that no healthy platform has.*misspelt/,
  );
});
