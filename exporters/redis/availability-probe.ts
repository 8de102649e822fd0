import { performance } from "node:perf_hooks";
import { type ErrorClass, errorClasses } from "../../catalog/error-class.ts";
import type { RedisRole } from "../../catalog/roles.ts";
import type { RedisConnectionConfig } from "../../core/config/redis-section.ts";
import { withDeadline } from "../../core/deadline.ts";
import { RedisopsError, toRedisopsError } from "../../core/errors.ts";
import { commandError, describeTarget, type NodeConnection } from "../../core/redis/connect.ts";
import { redisErrorClass, slotHasMoved } from "../../core/redis/redis-error.ts";
import { type Sample, sample } from "../../core/samples.ts";
import type { Probe, Scrape } from "../probe.ts";
import { availabilitySamples, serverUntried } from "../role-availability.ts";
import { canaryKeys } from "./canary-keys.ts";
import type { RoleConnections } from "./role-connections.ts";
import type { Shard } from "./topology.ts";

type ShardLabels = Readonly<Record<"role" | "shard", string>>;

/** Only Postgres runs out of connections for redisops: Redis closes them without a word. */
const redisErrorClasses = errorClasses.filter((errorClass) => errorClass !== "exhausted");

/** Lifetime of the key in milliseconds. */
const canaryLifetime = 60_000;

/**
 * Writes a key of redisops’ own, left to expire, and answers the seconds that it took. A write, unlike PING or a read, also
 * fails on a replica, at the memory limit, where nothing can be saved, and where a cluster does not serve the slot.
 */
async function write(connection: NodeConnection, keys: readonly string[], left: () => number) {
  const { client, target } = connection;
  for (const key of keys) {
    const asked = performance.now();
    try {
      await withDeadline(
        client.set(key, "1", "PX", canaryLifetime),
        left(),
        () => new RedisopsError("REDIS_TIMEOUT", `${target} did not answer before the deadline`, { target }),
      );
      return (performance.now() - asked) / 1000;
    } catch (error) {
      // The slot is on its way to another shard, which says nothing against this one: another slot will do.
      if (!slotHasMoved(error) || key === keys.at(-1)) throw commandError(error, connection);
    }
  }
  throw new RedisopsError("REDIS_CLUSTER_DOWN", `${target} serves no slot`, { target });
}

function shardSamples(labels: ShardLabels, failure: ErrorClass | undefined): Sample[] {
  return [
    sample("redisops_shard_up", labels, failure === undefined ? 1 : 0),
    ...redisErrorClasses.map((errorClass) =>
      sample(
        "redisops_shard_failure",
        { ...labels, error_class: errorClass },
        failure === errorClass ? 1 : 0,
      ),
    ),
  ];
}

/** Emits what became of a shard. Rejects with the reason when its primary takes no write. */
async function probeShard(
  connections: RoleConnections,
  shard: Shard,
  emit: (sample: Sample) => void,
  { left }: Scrape,
): Promise<void> {
  const labels: ShardLabels = { role: connections.role, shard: shard.name };
  emit(sample("redisops_shard_key_space_ratio", labels, shard.keySpaceRatio));
  try {
    const connection = await connections.node(shard.primary);
    const keys = canaryKeys("probe", connections.config.topology, shard);
    const seconds = await write(connection, keys, left);
    for (const observed of shardSamples(labels, undefined)) emit(observed);
    emit(sample("redisops_shard_response_seconds", labels, seconds));
  } catch (error) {
    if (!serverUntried(error)) {
      for (const observed of shardSamples(labels, redisErrorClass(error))) emit(observed);
    }
    throw error;
  }
}

/** Shards that had not answered when the run was cut off. */
function hungShards(role: RedisRole, emitted: readonly Sample[]): Sample[] {
  const shardsOf = (metric: Sample["metric"]) =>
    emitted.flatMap((observed) => (observed.metric === metric ? (observed.labels.shard ?? []) : []));
  const told = new Set(shardsOf("redisops_shard_up"));
  return shardsOf("redisops_shard_key_space_ratio")
    .filter((shard) => !told.has(shard))
    .flatMap((shard) => shardSamples({ role, shard }, "timeout"));
}

/** The role is up when any of its shards is; how much of the key space that is has a metric of its own. */
function roleSamples(
  role: RedisRole,
  error: RedisopsError | undefined,
  emitted: readonly Sample[],
): readonly Sample[] {
  if (error !== undefined && serverUntried(error)) return [];
  const valuesOf = (metric: Sample["metric"]) => emitted.filter((observed) => observed.metric === metric);
  const up = valuesOf("redisops_shard_up").filter(({ value }) => value === 1);
  const ratioOf = ({ labels }: Sample) =>
    valuesOf("redisops_shard_key_space_ratio").find((ratio) => ratio.labels.shard === labels.shard)?.value ??
    0;
  const available = sample(
    "redisops_role_key_space_available_ratio",
    { role },
    up.reduce((sum, observed) => sum + ratioOf(observed), 0),
  );
  if (up.length > 0) {
    const slowest = Math.max(...valuesOf("redisops_shard_response_seconds").map(({ value }) => value));
    return [
      ...availabilitySamples(role, undefined),
      available,
      sample("redisops_role_response_seconds", { role }, slowest),
    ];
  }
  const failure = error === undefined ? "other" : redisErrorClass(error);
  return [...availabilitySamples(role, failure), available];
}

/** Whether each shard of a role's Redis accepts a write, how fast, and if not, in which way it fails. */
export function availabilityProbe(role: RedisRole, config: RedisConnectionConfig): Probe {
  return {
    name: "redis",
    role,
    group: role,
    target: role,
    address: describeTarget(role, config),
    async run(emit, scrape) {
      const connections = scrape.redis(role);
      const { shards } = await connections.topology();
      const outcomes = await Promise.all(
        shards.map((shard) => probeShard(connections, shard, emit, scrape).catch(toRedisopsError)),
      );
      const failed = outcomes.find((outcome) => outcome !== undefined);
      if (failed !== undefined) throw failed;
    },
    conclude: (error, emitted) => [
      ...(error?.code === "PROBE_TIMEOUT" ? hungShards(role, emitted) : []),
      ...roleSamples(role, error, emitted),
    ],
  };
}
