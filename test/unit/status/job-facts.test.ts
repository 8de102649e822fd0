import { expect, test } from "vitest";
import { type Sample, sample } from "../../../core/samples.ts";
import { jobFacts } from "../../../exporters/status/job-facts.ts";
import type { Read } from "../../../exporters/status/read.ts";

const readerOf =
  (samples: readonly Sample[]): Read =>
  (metric) =>
    samples.find((observed) => observed.metric === metric)?.value;

const factsOf = (role: Parameters<typeof jobFacts>[0], samples: readonly Sample[]) =>
  jobFacts(role, readerOf(samples), samples);

test("stuck counters: how many, and how sure that is", () => {
  const labels = { role: "rate_limit" };
  const stuck = (value: number, error: number) => [
    sample("redisops_rate_limit_canary_ratio", labels, 1),
    sample("redisops_rate_limit_counters_without_ttl", labels, value),
    sample("redisops_rate_limit_counters_without_ttl_standard_error", labels, error),
  ];
  expect(factsOf("rate_limit", stuck(0, 0))).toEqual(["counters without a lifetime 0"]);
  expect(factsOf("rate_limit", stuck(9.98, 0.7))).toEqual(["counters without a lifetime about 10 ± 1"]);
  expect(factsOf("rate_limit", [sample("redisops_rate_limit_canary_ratio", labels, 5 / 6)])).toEqual([
    "counters count on 83.3 % of the key space",
  ]);
  expect(factsOf("rate_limit", [])).toEqual([]);
});

test("a canary is a fact of its own only where the servers take writes and it still fails", () => {
  const labels = { role: "rate_limit" };
  const facts = (canary: number, available: number) =>
    factsOf("rate_limit", [
      sample("redisops_rate_limit_canary_ratio", labels, canary),
      sample("redisops_role_key_space_available_ratio", labels, available),
    ]);
  expect(facts(0.5, 5 / 6)).toEqual(["counters count on 50 % of the key space"]);
  expect(facts(5 / 6, 5 / 6)).toEqual([]);
  // Refused, or not permitted: the probe's error says so, and 0 % would be held against the counters.
  expect(facts(0, 0)).toEqual([]);
  expect(facts(0, 1)).toEqual([]);
});

test("conversations that fell behind: how many of how many, and how far", () => {
  const labels = { role: "sequence" };
  const compared = (regressed: number, shortfall: number) => [
    sample("redisops_sequence_canary_ratio", labels, 1),
    sample("redisops_sequence_conversations_sampled", labels, 50),
    sample("redisops_sequence_conversations_regressed_ratio", labels, regressed / 50),
    sample("redisops_sequence_largest_shortfall_ids", labels, shortfall),
  ];
  expect(factsOf("sequence", compared(0, 0))).toEqual(["conversations whose counter fell behind: 0 of 50"]);
  expect(factsOf("sequence", compared(3, 1234))).toEqual([
    "conversations whose counter fell behind: 3 of 50",
    "furthest behind by 1,234 ids",
  ]);
});

test("entries, counted or estimated, and those that stay for good", () => {
  const labels = { role: "registry" };
  expect(
    factsOf("registry", [
      sample("redisops_registry_canary_ratio", labels, 0.25),
      sample("redisops_registry_entries", labels, 120_000.4),
      sample("redisops_registry_entries_standard_error", labels, 850.2),
      sample("redisops_registry_entries_without_ttl", labels, 7),
      sample("redisops_registry_entries_without_ttl_standard_error", labels, 0),
    ]),
  ).toEqual([
    "entries come back on 25 % of the key space",
    "entries about 120,000 ± 851",
    "entries without a lifetime 7",
  ]);
});

test("each replica of the filter", () => {
  const one = { role: "dedup", node: "127.0.0.1:1" };
  const two = { role: "dedup", node: "127.0.0.1:2" };
  expect(
    factsOf("dedup", [
      sample("redisops_bloom_replica_readable", one, 1),
      sample("redisops_bloom_replica_canary_absent_ratio", one, 1),
      sample("redisops_bloom_replica_readable", two, 0),
    ]),
  ).toEqual([
    "replica 127.0.0.1:1: known-sent ids absent 100 %",
    "replica 127.0.0.1:2: its filter does not answer",
  ]);
});

test("a replica that knows all ids is worth a line only when the primary does not", () => {
  const knowing = sample(
    "redisops_bloom_replica_canary_absent_ratio",
    { role: "dedup", node: "10.0.0.2:1" },
    0,
  );
  const primary = (absent: number) => sample("redisops_bloom_canary_absent_ratio", { role: "dedup" }, absent);
  const line = "replica 10.0.0.2:1: known-sent ids absent 0 %";
  expect(factsOf("dedup", [primary(0), knowing])).toEqual([]);
  expect(factsOf("dedup", [primary(1), knowing])).toEqual([line]);
  expect(factsOf("dedup", [knowing])).toEqual([line]);
});
