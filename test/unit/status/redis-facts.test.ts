import { expect, test } from "vitest";
import { type Sample, sample } from "../../../core/samples.ts";
import { redisFacts } from "../../../exporters/status/redis-facts.ts";
import { result } from "./results.ts";

const role = "preferences";
const facts = (...samples: Sample[]) => redisFacts(role, [result("nodes", role, { samples })]);
const node = (index: number) => ({ role, node: `10.0.0.${index}:6379` });
const shard = (name: number) => ({ role, shard: String(name) });

test("a healthy server has no fact of its own", () => {
  expect(
    facts(
      sample("redisops_shard_up", shard(0), 1),
      sample("redisops_role_key_space_available_ratio", { role }, 1),
      sample("redisops_redis_up", node(1), 1),
      sample("redisops_redis_replication_lag_bytes", node(2), 200_000),
      sample("redisops_shard_replicas_expected", shard(0), 1),
      sample("redisops_shard_replicas_in_sync", shard(0), 1),
      sample("redisops_redis_nodes_left_out", { role }, 0),
    ),
  ).toEqual([]);
});

test("shards are counted, with the share of the keys that is without", () => {
  const shards = [1, 1, 0, 1, 1, 1].map((up, name) => sample("redisops_shard_up", shard(name), up));
  const available = (ratio: number) => sample("redisops_role_key_space_available_ratio", { role }, ratio);
  expect(facts(...shards, available(5 / 6))).toEqual([
    "5 of 6 shards accept writes; 16.7 % of the key space is without",
  ]);
  expect(facts(...shards.filter(({ value }) => value === 1), available(1))).toEqual([
    "5 of 5 shards accept writes",
  ]);
});

test("replicas are named with how far they are behind", () => {
  const behind = (bytes: number) => sample("redisops_redis_replication_lag_bytes", node(3), bytes);
  expect(facts(behind(12 * 1024 ** 2))).toEqual(["replica 10.0.0.3:6379 is 12 MB behind"]);
  expect(facts(behind(1.5 * 1024 ** 3))).toEqual(["replica 10.0.0.3:6379 is 1.5 GB behind"]);
  expect(facts(sample("redisops_redis_replication_link_up", node(3), 0))).toEqual([
    "replica 10.0.0.3:6379 has lost its primary",
  ]);
});

test("a server that loads is told from one that does not answer, and of many some are named", () => {
  const down = (index: number) => sample("redisops_redis_up", node(index), 0);
  expect(facts(down(1), sample("redisops_redis_loading", node(1), 1), down(2))).toEqual([
    "10.0.0.1:6379 is loading its data",
    "10.0.0.2:6379 does not answer",
  ]);
  expect(facts(down(1))).toEqual([]);
  expect(facts(...[1, 2, 3, 4, 5].map(down))).toEqual([
    "10.0.0.1:6379 does not answer",
    "10.0.0.2:6379 does not answer",
    "and 3 more servers do not answer",
  ]);
});

test("one shard without its replica is named among those that have theirs", () => {
  const samples = [0, 1, 2].flatMap((name) => [
    sample("redisops_shard_replicas_expected", shard(name), 1),
    sample("redisops_shard_replicas_in_sync", shard(name), name === 1 ? 0 : 1),
  ]);
  expect(facts(...samples)).toEqual(["shard 1 has 0 of 1 replicas in sync"]);
});
