import { describe, expect, test } from "vitest";
import type { Sample } from "../../../core/samples.ts";
import { evaluateSignal } from "../../../core/signal/evaluate.ts";
import { burning, down, either, guarded, of, rates, ratio, spoiled, thresholds } from "./signals.ts";

const dedup = { role: "dedup" };
const postgres = { role: "postgres" };
const main = { role: "token_bucket", provider: "twilio", account: "main" };
const spare = { ...main, account: "spare" };

describe("a gauge", () => {
  test.each([
    [0, true],
    [1, false],
  ])("of %d", (value, holds) => {
    expect(evaluateSignal(down, [of("redisops_role_up", dedup, value)], {})).toEqual([
      { labels: dedup, value, holds },
    ]);
  });

  test("is read by its labels and its name", () => {
    const others = [
      of("redisops_role_up", { role: "registry" }, 0),
      of("redisops_role_failure", { ...dedup, error_class: "refused" }, 0),
    ];
    expect(evaluateSignal(down, others, {})).toEqual([]);
  });

  test("that is absent holds for nothing", () => {
    expect(evaluateSignal(down, [], {})).toEqual([]);
  });

  test.each([
    ["max", [0, 1, 0], 1],
    ["min", [3, 1, 2], 1],
    ["sum", [3, 1, 2], 6],
  ] as const)("is aggregated by %s over the labels that it is not grouped by", (aggregate, values, value) => {
    const samples = values.map((each, index) =>
      of("redisops_role_up", { ...dedup, target: String(index) }, each),
    );
    expect(evaluateSignal({ ...down, aggregate }, samples, {})).toEqual([
      { labels: dedup, value, holds: false },
    ]);
  });

  test.each([
    [">", 0.5, false],
    [">", 0.51, true],
    ["<", 0.5, false],
    ["<", 0.49, true],
    ["==", 0.5, true],
    ["==", 0.49, false],
  ] as const)("is compared: %s against 0.5, %d", (comparison, value, holds) => {
    const found = evaluateSignal(
      { ...down, comparison, limit: 0.5 },
      [of("redisops_role_up", dedup, value)],
      {},
    );
    expect(found).toEqual([{ labels: dedup, value, holds }]);
  });
});

describe("a ratio", () => {
  const limit = of("redisops_postgres_connections_limit", postgres, 100);
  const used = (active: number, idle: number) => [
    of("redisops_postgres_connections", { ...postgres, state: "active" }, active),
    of("redisops_postgres_connections", { ...postgres, state: "idle" }, idle),
  ];

  test("is formed of the sums, label set by label set", () => {
    const others = [
      of("redisops_postgres_connections", { role: "other" }, 99),
      of("redisops_postgres_connections_limit", { role: "other" }, 100),
    ];
    expect(evaluateSignal(ratio, [...used(50, 36), limit, ...others], thresholds)).toEqual([
      { labels: postgres, value: 0.86, holds: true },
      { labels: { role: "other" }, value: 0.99, holds: true },
    ]);
    expect(evaluateSignal(ratio, [...used(50, 35), limit], thresholds)).toEqual([
      { labels: postgres, value: 0.85, holds: false },
    ]);
  });

  test("has no value without its divisor, and none without its dividend", () => {
    expect(evaluateSignal(ratio, used(50, 36), thresholds)).toEqual([]);
    expect(evaluateSignal(ratio, [limit], thresholds)).toEqual([]);
  });

  test("over zero is what PromQL says: beyond any limit, or nothing where both are zero", () => {
    const zero = of("redisops_postgres_connections_limit", postgres, 0);
    expect(evaluateSignal(ratio, [...used(1, 0), zero], thresholds)?.map(({ holds }) => holds)).toEqual([
      true,
    ]);
    expect(evaluateSignal(ratio, [...used(0, 0), zero], thresholds)?.map(({ holds }) => holds)).toEqual([
      false,
    ]);
  });

  test("follows an override of its limit", () => {
    const holds = (used_: number) =>
      evaluateSignal(ratio, [...used(50, 36), limit], { ...thresholds, used: used_ })?.[0]?.holds;
    expect([holds(0.86), holds(0.859)]).toEqual([false, true]);
  });

  test("fails loudly on a limit that the mode does not have", () => {
    expect(() => evaluateSignal({ ...ratio, limit: "misspelt" }, [], thresholds)).toThrow(
      /no threshold named misspelt/,
    );
  });
});

describe("a guard", () => {
  const absent = (value: number, labels: Sample["labels"] = dedup) =>
    of("redisops_bloom_canary_absent_ratio", labels, value);
  const canaries = (value: number, labels: Sample["labels"] = dedup) =>
    of("redisops_bloom_canary_ids", labels, value);

  test.each([
    ["both hold", [absent(0.5), canaries(21)], true],
    ["the guard does not", [absent(0.5), canaries(20)], false],
    ["the signal does not", [absent(0.05), canaries(200)], false],
    ["the guard is absent", [absent(0.5)], false],
    ["the guard holds for another role", [absent(0.5), canaries(200, { role: "other" })], false],
  ])("when %s", (_, samples, holds) => {
    expect(evaluateSignal(guarded, samples, thresholds)?.map((found) => found.holds)).toEqual([holds]);
  });
});

describe("an alternative", () => {
  const up = (value: number, labels: Sample["labels"] = dedup) => of("redisops_role_up", labels, value);
  const absent = (value: number, labels: Sample["labels"] = dedup) => [
    of("redisops_bloom_canary_absent_ratio", labels, value),
    of("redisops_bloom_canary_ids", labels, 200),
  ];

  test.each([
    ["both hold", [up(0), ...absent(0.5)], 0, true],
    ["only the signal does", [up(0), ...absent(0)], 0, true],
    ["only the alternative does", [up(1), ...absent(0.5)], 0.5, true],
    ["neither does", [up(1), ...absent(0)], 1, false],
    ["the signal is absent", absent(0.5), 0.5, true],
    ["the alternative is absent", [up(0)], 0, true],
  ])("gives one finding when %s", (_, samples, value, holds) => {
    expect(evaluateSignal(either, samples, thresholds)).toEqual([{ labels: dedup, value, holds }]);
  });

  test("is decided label set by label set", () => {
    const found = evaluateSignal(either, [up(1), ...absent(0.5, { role: "other" })], thresholds);
    expect(found).toEqual([
      { labels: dedup, value: 1, holds: false },
      { labels: { role: "other" }, value: 0.5, holds: true },
    ]);
  });
});

describe("rates, in a single scrape", () => {
  const requests = (labels: Sample["labels"], value: number) =>
    of("redisops_provider_requests_total", labels, value);
  const throttled = (labels: Sample["labels"], value: number) =>
    of("redisops_provider_throttled_total", labels, value);

  test("are the ratio of what was counted, account by account", () => {
    const samples = [requests(main, 10), throttled(main, 1), requests(spare, 100), throttled(spare, 5)];
    expect(evaluateSignal(rates, samples, thresholds)).toEqual([
      { labels: main, value: 0.1, holds: true },
      { labels: spare, value: 0.05, holds: false },
    ]);
  });

  test("need traffic, of which any request is some", () => {
    expect(evaluateSignal(rates, [requests(main, 1), throttled(main, 1)], thresholds)?.[0]?.holds).toBe(true);
    expect(evaluateSignal(rates, [requests(main, 0), throttled(main, 0)], thresholds)?.[0]?.holds).toBe(
      false,
    );
  });
});

test("what only Prometheus can decide is not decided", () => {
  expect(evaluateSignal(spoiled, [], thresholds)).toBeUndefined();
  expect(evaluateSignal(burning, [], thresholds)).toBeUndefined();
});
