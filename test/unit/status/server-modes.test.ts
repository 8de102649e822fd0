import { describe, expect, test } from "vitest";
import type { ErrorClass } from "../../../catalog/error-class.ts";
import type { Role } from "../../../catalog/roles.ts";
import { type Sample, sample } from "../../../core/samples.ts";
import { platformStatus } from "../../../exporters/status.ts";
import { alert, availability, result } from "./results.ts";

const now = Date.parse("2026-01-01T12:00:00Z");

/** A role's row in what the given samples of it, and of others, lead to. */
function rowOf(role: Role, samples: readonly Sample[], alerts: Parameters<typeof platformStatus>[2] = []) {
  const rows = platformStatus([result("redis", role, { samples })], {}, alerts, now);
  return rows.find((row) => row.role === role);
}

const idsOf = (role: Role, samples: readonly Sample[]) => rowOf(role, samples)?.modes.map(({ id }) => id);

/** A Redis role that is down as a whole. */
const down = (role: "registry" | "dedup" | "token_bucket", failure: ErrorClass) => [
  ...availability(role, failure),
  sample("redisops_role_key_space_available_ratio", { role }, 0),
];

/** A cluster of which the given shards accept no writes. */
const shards = (role: "preferences", lost: readonly number[]) => [
  ...availability(role),
  sample("redisops_role_key_space_available_ratio", { role }, 1 - lost.length / 6),
  ...[0, 1, 2, 3, 4, 5].flatMap((number) => [
    sample("redisops_shard_up", { role, shard: String(number) }, lost.includes(number) ? 0 : 1),
    sample("redisops_shard_key_space_ratio", { role, shard: String(number) }, 1 / 6),
  ]),
];

describe("modes of any role are in the row of the role that they hold for", () => {
  test.each([
    ["refused", "RedisDown"],
    ["unreachable", "RedisDown"],
    ["timeout", "RedisHung"],
  ] as const)("%s is %s, after the role’s own mode", (failure, mode) => {
    expect(idsOf("dedup", down("dedup", failure))).toEqual(["DedupSkipped", mode]);
  });

  test.each(["auth", "loading", "readonly", "out_of_memory", "write_refused", "cluster_down"] as const)(
    "%s is neither gone nor hung",
    (failure) => {
      expect(idsOf("dedup", down("dedup", failure))).toEqual(["DedupSkipped"]);
    },
  );

  test("and in no other", () => {
    const results = [
      result("redis", "registry", { samples: down("registry", "refused") }),
      result("redis", "dedup", {
        samples: [
          ...availability("dedup"),
          sample("redisops_role_key_space_available_ratio", { role: "dedup" }, 1),
        ],
      }),
    ];
    const rows = platformStatus(results, {}, [], now);
    expect(rows.map(({ role, modes }) => [role, ...modes.map(({ id }) => id)])).toEqual([
      ["registry", "RegistryDown", "RedisDown"],
      ["dedup"],
    ]);
  });

  test("Postgres is no Redis", () => {
    expect(idsOf("postgres", availability("postgres", "refused"))).not.toContain("RedisDown");
    expect(idsOf("postgres", availability("postgres", "timeout"))).not.toContain("RedisHung");
  });
});

describe("what holds for several shards or rules", () => {
  test("is listed once", () => {
    const row = rowOf("preferences", shards("preferences", [1, 4]));
    expect(row?.state).toBe("degraded");
    expect(row?.modes.map(({ id }) => id)).toEqual(["RedisClusterSlotsUncovered", "RedisShardDown"]);
  });

  test("has held since the first of them", () => {
    const began = (shard: string, at: string) =>
      alert({ alertname: "RedisShardDown", role: "preferences", shard }, at);
    const alerts = [began("4", "2026-01-01T11:59:00.000Z"), began("1", "2026-01-01T11:57:00.000Z")];
    const held = rowOf("preferences", shards("preferences", [1, 4]), alerts)?.modes;
    expect(held?.map(({ id, since }) => [id, since])).toEqual([
      ["RedisClusterSlotsUncovered", undefined],
      ["RedisShardDown", "2026-01-01T11:57:00.000Z"],
    ]);
  });

  test("is not what holds for the role as a whole", () => {
    const role = "token_bucket";
    const lost = [0, 1].flatMap((number) => [
      sample("redisops_shard_up", { role, shard: String(number) }, 0),
      sample("redisops_shard_key_space_ratio", { role, shard: String(number) }, 0.5),
    ]);
    expect(idsOf(role, [...down(role, "refused"), ...lost])).toEqual(["TokenBucketsDown", "RedisDown"]);
  });

  test("of a contract leaves out the replicas, which are a mode of their own", () => {
    const role = "sequence";
    const violated = (rule: string, value: number) =>
      sample("redisops_role_contract_violated", { role, rule }, value);
    expect(idsOf(role, [violated("replicas", 1), violated("eviction", 0)])).toEqual([]);
    expect(idsOf(role, [violated("persistence", 1), violated("eviction", 1)])).toEqual([
      "RoleContractViolated",
    ]);
    const replicas = [
      sample("redisops_shard_replicas_in_sync", { role, shard: "0" }, 0),
      sample("redisops_shard_replicas_expected", { role, shard: "0" }, 1),
    ];
    expect(idsOf(role, [violated("replicas", 1), ...replicas])).toEqual(["RedisReplicaLost"]);
  });
});

describe("what would keep the filter from failing over", () => {
  const role = "dedup";
  const sentinels = (reachable: number, needed: number | undefined, promotable: number | undefined) => [
    sample("redisops_sentinels_reachable", { role }, reachable),
    ...(needed === undefined ? [] : [sample("redisops_sentinels_needed", { role }, needed)]),
    ...(promotable === undefined
      ? []
      : [sample("redisops_sentinel_promotable_replicas", { role }, promotable)]),
    sample("redisops_sentinel_failover_possible", { role }, 0),
  ];

  test.each([
    ["too few Sentinels", sentinels(1, 2, 1), ["SentinelQuorumLost"]],
    ["none at all", sentinels(0, undefined, undefined), ["SentinelQuorumLost"]],
    ["Sentinels that do not reach one another", sentinels(3, 2, 1), ["SentinelQuorumLost"]],
    ["no replica to promote", sentinels(3, 2, 0), []],
  ])("%s", (_, samples, modes) => {
    expect(idsOf(role, samples)).toEqual(modes);
  });

  const node = "10.0.0.2:6379";
  const absent = (primary: number, replica: number) => [
    sample("redisops_bloom_canary_absent_ratio", { role }, primary),
    sample("redisops_bloom_replica_canary_absent_ratio", { role, node }, replica),
  ];

  test.each([
    ["a replica without the filter", absent(0, 1), ["RedisReplicaLost"]],
    ["a replica that lacks what its primary lacks", absent(1, 1), []],
    [
      "a replica that cannot be read",
      [sample("redisops_bloom_replica_readable", { role, node }, 0)],
      ["RedisReplicaLost"],
    ],
    ["a replica a few ids behind", absent(0, 0.02), []],
  ])("%s", (_, samples, modes) => {
    expect(idsOf(role, samples)).toEqual(modes);
  });
});
