import { describe, expect, test } from "vitest";
import { costOf } from "../../../../catalog/role-contract.ts";
import { judgeReplicas } from "../../../../exporters/redis/contract.ts";
import { expectedReplicas } from "../../../../exporters/redis/redundancy.ts";
import type { Shard, Topology } from "../../../../exporters/redis/topology.ts";

const clusterOf = (counts: readonly number[]): Topology => ({
  kind: "cluster",
  shards: counts.map(
    (count, index): Shard => ({
      name: String(index),
      slots: [],
      keySpaceRatio: 1 / counts.length,
      primary: `p${index}:1`,
      replicas: Array.from({ length: count }, (_, replica) => `r${index}-${replica}:1`),
      configEpoch: 1,
    }),
  ),
  nodes: [],
  uncoveredRatio: 0,
});

describe("the replicas that each shard of a cluster should have", () => {
  test.each([
    { counts: [1, 1, 1], expected: 1 },
    { counts: [1, 1, 2], expected: 1 },
    { counts: [1, 2, 2], expected: 2 },
    { counts: [1, 2], expected: 2 },
    { counts: [0, 0, 1], expected: 1 },
    { counts: [0, 0, 0], expected: 0 },
    { counts: [], expected: 0 },
  ])("are $expected where they have $counts", ({ counts, expected }) => {
    expect(expectedReplicas({}, clusterOf(counts))).toBe(expected);
  });

  test("are those that are declared", () => {
    expect(expectedReplicas({ contract: { replicas: 2 } }, clusterOf([1, 1, 1]))).toBe(2);
  });
});

test.each([
  { inSync: 0, cost: /^nothing takes over when the primary is lost/ },
  { inSync: 1, cost: /^fewer servers can be lost than was planned for/ },
])("$inSync replicas of 2 are a violation of their own cost", ({ inSync, cost }) => {
  const { consequence } = judgeReplicas(2, inSync);
  expect(consequence === undefined ? "" : costOf("registry", consequence)).toMatch(cost);
  expect(judgeReplicas(2, 2).consequence).toBeUndefined();
});
