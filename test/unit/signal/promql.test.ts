import { expect, test } from "vitest";
import { modes } from "../../../catalog/modes.ts";
import type { PromqlSignal } from "../../../catalog/signal.ts";
import {
  burnRatePromql,
  measurePromql,
  promqlValue,
  signalLimit,
  signalPromql,
  signalValuePromql,
} from "../../../core/signal/promql.ts";
import { effectiveThresholds, thresholdValue } from "../../../core/signal/thresholds.ts";
import { burning, down, either, guarded, rates, ratio, spoiled, thresholds } from "./signals.ts";

test.each([
  ["a gauge", down, 'max by (role) (redisops_role_up{role="dedup"}) == 0'],
  [
    "a gauge but for some of its series",
    { ...down, measure: { ...down.measure, except: { role: "self" } } },
    'max by (role) (redisops_role_up{role="dedup",role!="self"}) == 0',
  ],
  [
    "a ratio",
    ratio,
    "sum by (role) (redisops_postgres_connections) / sum by (role) (redisops_postgres_connections_limit) > 0.85",
  ],
  [
    "a guard",
    guarded,
    "(max by (role) (redisops_bloom_canary_absent_ratio) > 0.05) and on (role) (max by (role) (redisops_bloom_canary_ids) > 20)",
  ],
  [
    "an alternative",
    either,
    '(max by (role) (redisops_role_up{role="dedup"}) == 0) or ((max by (role) (redisops_bloom_canary_absent_ratio) > 0.05) and on (role) (max by (role) (redisops_bloom_canary_ids) > 20))',
  ],
  [
    "an alternative to what has a guard",
    { ...guarded, or: down },
    '((max by (role) (redisops_bloom_canary_absent_ratio) > 0.05) and on (role) (max by (role) (redisops_bloom_canary_ids) > 20)) or (max by (role) (redisops_role_up{role="dedup"}) == 0)',
  ],
  [
    "rates",
    rates,
    "(sum by (role, provider, account) (rate(redisops_provider_throttled_total[5m])) / sum by (role, provider, account) (rate(redisops_provider_requests_total[5m])) > 0.05)" +
      " and on (role, provider, account) (sum by (role, provider, account) (rate(redisops_provider_requests_total[5m])) > 0.02)",
  ],
  [
    "recorded rates",
    {
      ...rates,
      measure: {
        ...rates.measure,
        recorded: { series: "redisops:provider_responses:rate", where: { code: "429" } },
      },
    },
    '(sum by (role, provider, account) (redisops:provider_responses:rate{code="429"}) / sum by (role, provider, account) (rate(redisops_provider_requests_total[5m])) > 0.05)' +
      " and on (role, provider, account) (sum by (role, provider, account) (rate(redisops_provider_requests_total[5m])) > 0.02)",
  ],
] as const)("%s as PromQL", (_, signal, promql) => {
  expect(signalPromql(signal, thresholds)).toBe(promql);
});

const rated = "sum by (role) (rate(redisops_decisions_degraded_total[5m]))";

test.each<[string, PromqlSignal, string]>([
  ["compared with a threshold", spoiled, `${rated} > 0.02`],
  ["compared with a number", { ...spoiled, compared: { comparison: "==", limit: 0 } }, `${rated} == 0`],
  [
    "with a condition of its own",
    { ...spoiled, and: "max by (role) (redisops_role_up) > $used" },
    `(${rated} > 0.02) and on (role) (max by (role) (redisops_role_up) > 0.85)`,
  ],
  ["that decides by itself", { kind: "promql", value: "vector(1)", by: [], reason: "a test" }, "vector(1)"],
])("a value of Prometheus %s", (_, signal, promql) => {
  expect(signalPromql(signal, thresholds)).toBe(promql);
});

test("a value of Prometheus is drawn without its comparison", () => {
  expect(promqlValue(spoiled, thresholds)).toBe(rated);
  expect(() => promqlValue(spoiled, {})).toThrow(/no threshold named window/);
});

test("a budget burns where a pair of windows is beyond its factor and there is traffic", () => {
  const series = (name: string, window: string) =>
    `max by (role) (redisops:slo_${name}{slo="decisions",window="${window}"})`;
  const pair = (long: string, short: string, limit: number) =>
    `(${series("errors:ratio", long)} > ${limit} and on (role) ${series("errors:ratio", short)} > ${limit}` +
    ` and on (role) ${series("events:rate", long)} > 0.02)`;
  expect(burnRatePromql(burning, "page", thresholds)).toBe(
    `${pair("1h", "5m", 0.0144)} or ${pair("6h", "30m", 0.006)}`,
  );
  expect(burnRatePromql(burning, "ticket", thresholds)).toBe(
    `${pair("1d", "2h", 0.003)} or ${pair("3d", "6h", 0.001)}`,
  );
  expect(signalPromql(burning, thresholds)).toBe(burnRatePromql(burning, "page", thresholds));
});

test("further matchers narrow every series", () => {
  expect(measurePromql({ metric: "redisops_role_up" }, ['job="a"'])).toBe('redisops_role_up{job="a"}');
  expect(signalValuePromql(ratio, thresholds, ['job="a"'])).toBe(
    'sum by (role) (redisops_postgres_connections{job="a"}) / sum by (role) (redisops_postgres_connections_limit{job="a"})',
  );
});

test("a limit is a number or the name of a threshold", () => {
  expect(signalLimit(down, {})).toBe(0);
  expect(signalLimit(ratio, thresholds)).toBe(0.85);
  expect(() => signalLimit(ratio, {})).toThrow(/no threshold named used/);
  expect(() => thresholdValue({}, "for")).toThrow(/no threshold named for/);
});

test("overrides replace what they name and nothing else", () => {
  const BloomCold = modes.find(({ id }) => id === "BloomCold");
  if (BloomCold === undefined) throw new Error("BloomCold is gone");
  expect(effectiveThresholds(BloomCold)).toEqual({ for: "1m", absent_ratio: 0.05, min_canaries: 20 });
  const overrides = { BloomCold: { absent_ratio: 0, for: "3s" }, BloomSaturated: { for: "9h" } };
  expect(effectiveThresholds(BloomCold, overrides)).toEqual({ for: "3s", absent_ratio: 0, min_canaries: 20 });
});
