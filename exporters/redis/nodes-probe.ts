import type { RedisRole } from "../../catalog/roles.ts";
import type { RedisConnectionConfig } from "../../core/config/redis-section.ts";
import { withDeadline } from "../../core/deadline.ts";
import { type RedisopsError, toRedisopsError } from "../../core/errors.ts";
import { describeTarget } from "../../core/redis/connect.ts";
import { type Sample, sample } from "../../core/samples.ts";
import type { Probe } from "../probe.ts";
import { serverUntried } from "../role-availability.ts";
import { askedNodes } from "./asked-nodes.ts";
import { nodeSamples } from "./node-samples.ts";
import { expectedReplicas, redundancyOf } from "./redundancy.ts";
import { lagSamples } from "./replication.ts";
import type { RoleConnections } from "./role-connections.ts";
import { RunState } from "./run-state.ts";
import type { Topology, TopologyNode } from "./topology.ts";

type Emit = (sample: Sample) => void;

/** Emits what a server says of itself. Answers why it is not as it should be. */
async function probeNode(
  connections: RoleConnections,
  node: TopologyNode,
  emit: Emit,
): Promise<RedisopsError | undefined> {
  try {
    const facts = await connections.facts(node.address);
    for (const observed of nodeSamples(connections.role, node, facts)) emit(observed);
    return facts.refusal ?? facts.denied;
  } catch (error) {
    if (!serverUntried(error)) {
      emit(sample("redisops_redis_up", { role: connections.role, node: node.address }, 0));
    }
    return toRedisopsError(error);
  }
}

/** Emits how far a replica is behind. */
async function probeLag(
  connections: RoleConnections,
  replica: TopologyNode,
  primary: string,
  emit: Emit,
): Promise<void> {
  const [own, other] = await Promise.allSettled([
    connections.facts(replica.address),
    connections.facts(primary),
  ]);
  const infoOf = (answer: typeof own) => (answer.status === "fulfilled" ? answer.value.info : undefined);
  const labels = { role: connections.role, node: replica.address };
  for (const observed of lagSamples(labels, infoOf(own), infoOf(other))) emit(observed);
}

/** Emits how redundant each shard is, and the lag of its replicas. */
async function probeReplication(
  connections: RoleConnections,
  topology: Topology,
  asked: readonly TopologyNode[],
  emit: Emit,
): Promise<void> {
  const { role, config } = connections;
  const expected = expectedReplicas(config, topology);
  const addresses = new Set(asked.map(({ address }) => address));
  await Promise.all(
    topology.shards.map(async (shard) => {
      const labels = { role, shard: shard.name };
      if (shard.configEpoch !== undefined) {
        emit(sample("redisops_shard_config_epoch", labels, shard.configEpoch));
      }
      if (expected !== undefined) emit(sample("redisops_shard_replicas_expected", labels, expected));
      const lags = asked
        .filter((node) => node.kind === "replica" && node.shard === shard.name)
        .map((replica) => probeLag(connections, replica, shard.primary, emit));
      const { inSync, known } = await redundancyOf(connections, shard, addresses);
      if (inSync !== undefined) emit(sample("redisops_shard_replicas_in_sync", labels, inSync));
      if (known !== undefined) emit(sample("redisops_shard_replicas_known", labels, known));
      await Promise.all(lags);
    }),
  );
}

/** The answer, if there is one within so many milliseconds. */
async function settledWithin<T>(answer: Promise<T>, milliseconds: number): Promise<T | undefined> {
  return withDeadline(answer, milliseconds, () => new Error("later")).catch(() => undefined);
}

/**
 * Every data server of a role, whatever its topology: whether it answers, and what it says of itself. Where nobody tells
 * the topology in time, the servers that were there before are looked at.
 */
export function nodesProbe(role: RedisRole, config: RedisConnectionConfig): Probe {
  const runs = new RunState<{ asked: readonly TopologyNode[] }>(() => ({ asked: [] }));
  return {
    name: "nodes",
    role,
    group: role,
    target: role,
    address: describeTarget(role, config),
    async run(emit, scrape) {
      const connections = scrape.redis(role);
      const topology = connections.topology();
      const nodes = (await settledWithin(topology, scrape.left() / 2))?.nodes ?? connections.knownNodes();
      const { asked, leftOut } = askedNodes(nodes.length > 0 ? nodes : (await topology).nodes);
      runs.of(scrape).asked = asked;
      emit(sample("redisops_redis_nodes_left_out", { role }, leftOut));
      const outcomes = await Promise.all([
        topology.then((found) => probeReplication(connections, found, asked, emit)).catch(toRedisopsError),
        ...asked.map((node) => probeNode(connections, node, emit)),
      ]);
      const failure = outcomes.find((failed) => failed !== undefined);
      if (failure !== undefined) throw failure;
    },
    conclude(error, emitted, scrape) {
      if (error?.code !== "PROBE_TIMEOUT") return [];
      const told = new Set(
        emitted.flatMap(({ metric, labels }) => (metric === "redisops_redis_up" ? [labels.node] : [])),
      );
      return runs
        .of(scrape)
        .asked.filter(({ address }) => !told.has(address))
        .map(({ address }) => sample("redisops_redis_up", { role, node: address }, 0));
    },
  };
}
