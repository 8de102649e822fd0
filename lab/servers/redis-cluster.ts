import type { Workspace } from "../workspace.ts";
import { formCluster, untilSettled } from "./cluster-form.ts";
import { type ClusterServer, type ClusterServerOptions, startClusterNode } from "./cluster-node.ts";
import { type MoveOptions, moveSlots } from "./cluster-reshard.ts";
import { clusterView, type SeenNode } from "./cluster-view.ts";
import { withRedis } from "./redis-client.ts";

/** How to start a Redis Cluster; the options of a node hold for each of them. */
export interface RedisClusterOptions extends ClusterServerOptions {
  /** How many shards; with fewer than three no primary can be voted for. */
  readonly shards: number;
  /** How many replicas each primary gets; 0 unless given. */
  readonly replicasPerShard?: number;
}

/** A member of a {@link RedisCluster}. */
export interface ClusterNode {
  readonly port: number;
  /** Its shard, counted from 0. Shard `n` was created with the n-th part of the slots. */
  readonly shard: number;
  /** What it was at first; a failover changes what it is. */
  readonly createdAs: "primary" | "replica";
  /** The server, to be killed, paused and restarted. */
  readonly server: ClusterServer;
}

/** A Redis Cluster on 127.0.0.1. Nodes never change their shard. */
export interface RedisCluster {
  /** Shard by shard, the first primary before its replicas. */
  readonly nodes: readonly ClusterNode[];
  /** `127.0.0.1:<port>` of every node. */
  readonly addresses: readonly string[];
  /**
   * The shard's primary as the living nodes see it now. A dead one is still named until it is voted out.
   *
   * @throws Error when no node answers within a few seconds or none knows of a primary.
   */
  primaryOf(shard: number): Promise<ClusterNode>;
  /** The slots that the shard's primary serves now, ascending. Fails as {@link RedisCluster.primaryOf} does. */
  slotsOf(shard: number): Promise<number[]>;
  /**
   * Moves slots with their keys from one primary to another while clients go on, see {@link moveSlots}.
   *
   * @throws Error of Redis when a node refuses or is gone; the slot at hand then stays open.
   */
  moveSlots(from: ClusterNode, to: ClusterNode, slots: Iterable<number>, options?: MoveHooks): Promise<void>;
  /**
   * Waits until all nodes are there and agree on a healthy cluster, see {@link untilSettled}. `deadlineMs` is 60,000
   * unless given.
   *
   * @throws Error naming a node and what it says when the deadline passes.
   */
  untilSettled(deadlineMs?: number): Promise<void>;
}

type MoveHooks = Pick<MoveOptions, "whileOpen">;

/**
 * Starts the nodes, forms the cluster and waits until every node sees all slots served and every replica's link is up.
 *
 * @throws MissingProgramError when there is no redis-server; ServerStartError when a node does not come up; Error when
 *   the cluster does not settle within a minute.
 */
export async function startRedisCluster(
  workspace: Workspace,
  options: RedisClusterOptions,
): Promise<RedisCluster> {
  const { name, shards, replicasPerShard = 0, password } = options;
  const startNode = async (shard: number, position: number): Promise<ClusterNode> => {
    const role = position === 0 ? "primary" : `replica-${position}`;
    const server = await startClusterNode(workspace, { ...options, name: `${name}-${shard}-${role}` });
    return { port: server.port, shard, createdAs: position === 0 ? "primary" : "replica", server };
  };
  const members = await Promise.all(
    Array.from({ length: shards }, (_, shard) =>
      Promise.all(Array.from({ length: 1 + replicasPerShard }, (_, position) => startNode(shard, position))),
    ),
  );
  const servers = members.map((shard) => shard.map(({ server }) => server));
  await formCluster(servers, { password });

  const nodes = members.flat();
  const seenPrimary = (shard: number): Promise<SeenNode> => currentPrimary(nodes, shard, password);
  return {
    nodes,
    addresses: nodes.map(({ port }) => `127.0.0.1:${port}`),
    async primaryOf(shard) {
      const { port } = await seenPrimary(shard);
      const node = nodes.find((candidate) => candidate.port === port);
      if (node === undefined) throw new Error(`${name} has no node at port ${port}`);
      return node;
    },
    async slotsOf(shard) {
      const { slots } = await seenPrimary(shard);
      return slots.flatMap(({ first, last }) =>
        Array.from({ length: last - first + 1 }, (_, index) => first + index),
      );
    },
    moveSlots: (from, to, slots, hooks) => moveSlots(from.port, to.port, slots, { ...hooks, password }),
    untilSettled: (deadlineMs = 60_000) => untilSettled(servers, { password, deadlineMs }),
  };
}

/** Of all that the nodes say, the claim of the highest epoch counts: it is the youngest vote. */
async function currentPrimary(
  nodes: readonly ClusterNode[],
  shard: number,
  password: string | undefined,
): Promise<SeenNode> {
  const ports = nodes.filter((node) => node.shard === shard).map(({ port }) => port);
  const asked = nodes.filter(({ server }) => server.running);
  const views = await Promise.allSettled(
    asked.map(({ port }) => withRedis(port, clusterView, { password, deadlineMs: 2000 })),
  );
  const claims = views
    .flatMap((view) => (view.status === "fulfilled" ? view.value : []))
    .filter(({ port, flags }) => ports.includes(port) && flags.includes("master"))
    .sort((a, b) => b.configEpoch - a.configEpoch);
  const [primary] = claims;
  if (primary === undefined) throw new Error(`no node of the cluster names a primary of shard ${shard}`);
  return primary;
}
