import { expect, test } from "vitest";
import { promtoolSeries, samplesAt, scenarioSeries } from "../../../alerts/scenario-series.ts";
import { healthySeries } from "../../../catalog/healthy-series.ts";
import type { AlertScenario, FaultSeries } from "../../../catalog/mode.ts";

const account = { role: "token_bucket", provider: "twilio", account: "main" } as const;

const scenario = (...faults: FaultSeries[]): AlertScenario => ({ name: "a test", faults, expect: [] });

const seriesOf = (metric: string, ...faults: FaultSeries[]) =>
  scenarioSeries(scenario(...faults)).find((each) => each.metric === metric);

test("without a fault every series keeps its healthy value, and counters grow", () => {
  const series = scenarioSeries(scenario());
  expect(series).toHaveLength(healthySeries.length);
  expect(seriesOf("redisops_bloom_canary_ids")?.values.slice(0, 3)).toEqual([200, 200, 200]);
  expect(seriesOf("redisops_provider_requests_total")?.values.slice(0, 3)).toEqual([0, 6000, 12_000]);
});

test("a fault replaces the series with the same labels alone", () => {
  const fault: FaultSeries = {
    metric: "redisops_role_up",
    labels: { role: "dedup" },
    runs: [{ value: 0, samples: 2 }],
  };
  const ups = scenarioSeries(scenario(fault)).filter(({ metric }) => metric === "redisops_role_up");
  expect(ups.filter(({ values }) => values[0] === 0).map(({ labels }) => labels)).toEqual([
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
  expect(gauge?.values).toEqual([0, "stale", undefined, undefined, 0.5]);
  const counter = seriesOf("redisops_provider_throttled_total", {
    metric: "redisops_provider_throttled_total",
    labels: account,
    runs: [
      { value: 6, samples: 2 },
      { value: 100, samples: 2 },
    ],
  });
  expect(counter?.values).toEqual([6, 12, 112, 212]);
  expect(counter && promtoolSeries(counter)).toEqual({
    series: 'redisops_provider_throttled_total{role="token_bucket", provider="twilio", account="main"}',
    values: "6 12 112 212",
  });
  expect(gauge && promtoolSeries(gauge).values).toBe("0 stale _ _ 0.5");
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
