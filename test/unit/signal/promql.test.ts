import { expect, test } from "vitest";
import { modes } from "../../../catalog/modes.ts";
import { measurePromql, signalLimit, signalPromql, signalValuePromql } from "../../../core/signal/promql.ts";
import { effectiveThresholds, thresholdValue } from "../../../core/signal/thresholds.ts";
import { down, either, guarded, rates, ratio, thresholds } from "./signals.ts";

test.each([
  ["a gauge", down, 'max by (role) (redisops_role_up{role="dedup"}) == 0'],
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

test("an expression of PromQL is left as it is", () => {
  expect(signalPromql({ kind: "promql", expression: "vector(1)", reason: "a test" }, {})).toBe("vector(1)");
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
