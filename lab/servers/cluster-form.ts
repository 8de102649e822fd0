import type { Redis } from "ioredis";
import { waitUntil } from "../wait.ts";
import { slotCount, slotRanges } from "./cluster-slots.ts";
import { clusterView, type SeenNode } from "./cluster-view.ts";
import { withRedis } from "./redis-client.ts";

/** Where a node of a cluster listens. */
export interface ClusterAddress {
  readonly port: number;
  readonly bus: number;
}

/** What forming a cluster and waiting for it take. */
export interface FormOptions {
  /** Of every node; none unless given. */
  readonly password?: string | undefined;
  /** Milliseconds until giving up; 60,000 unless given. */
  readonly deadlineMs?: number;
}

type Shards = readonly (readonly ClusterAddress[])[];

/**
 * Makes fresh nodes a cluster: the first of each shard becomes its primary, the others its replicas, and the slots are
 * spread evenly in order. Waits as {@link untilSettled} does.
 *
 * @throws Error naming what is still missing when the deadline passes.
 */
export async function formCluster(shards: Shards, options: FormOptions = {}): Promise<void> {
  const nodes = shards.flat();
  const ranges = slotRanges(shards.length);
  const ids = new Map<number, string>();
  const prepare = (node: ClusterAddress, epoch: number) =>
    withRedis(
      node.port,
      async (client) => {
        // Only a node that knows no other takes an epoch; with one each they need not negotiate them.
        await client.call("CLUSTER", "SET-CONFIG-EPOCH", epoch);
        const range = ranges[shards.findIndex(([primary]) => primary === node)];
        if (range !== undefined) await client.call("CLUSTER", "ADDSLOTSRANGE", range.first, range.last);
        ids.set(node.port, String(await client.call("CLUSTER", "MYID")));
      },
      options,
    );
  await Promise.all(nodes.map((node, index) => prepare(node, index + 1)));

  const join = (node: ClusterAddress, index: number) =>
    withRedis(
      node.port,
      (client) =>
        waitUntil(() => knowsAll(client, nodes.slice(0, index), ids), {
          what: `the cluster node at port ${node.port} to know the others`,
          deadlineMs: options.deadlineMs ?? 60_000,
        }),
      options,
    );
  await Promise.all(nodes.map(join));

  const replicate = (node: ClusterAddress, primary: ClusterAddress) =>
    withRedis(
      node.port,
      (client) => client.call("CLUSTER", "REPLICATE", ids.get(primary.port) ?? ""),
      options,
    );
  await Promise.all(
    shards.flatMap(([primary, ...replicas]) =>
      primary === undefined ? [] : replicas.map((node) => replicate(node, primary)),
    ),
  );
  await untilSettled(shards, options);
}

/** A handshake that got no answer in time is forgotten by Redis, so whoever is unknown is met again. */
async function knowsAll(
  client: Redis,
  others: readonly ClusterAddress[],
  ids: ReadonlyMap<number, string>,
): Promise<boolean> {
  const view = await clusterView(client);
  const unknown = others.filter(({ port }) => !view.some((node) => node.port === port));
  await Promise.all(unknown.map(({ port, bus }) => client.call("CLUSTER", "MEET", "127.0.0.1", port, bus)));
  return others.every(({ port }) =>
    view.some((node) => node.id === ids.get(port) && !node.flags.includes("handshake")),
  );
}

/**
 * Waits until every node says that the cluster is ok, that all slots are served and that each shard has one primary
 * with all the others as its replicas, and until every replica's link is up.
 *
 * @throws Error naming the node and what it says when the deadline passes.
 */
export async function untilSettled(shards: Shards, options: FormOptions = {}): Promise<void> {
  const settled = ({ port }: ClusterAddress) =>
    withRedis(
      port,
      (client) =>
        waitUntil(() => expectSettled(client, shards), {
          what: `the cluster node at port ${port} to see a healthy cluster`,
          deadlineMs: options.deadlineMs ?? 60_000,
          intervalMs: 50,
        }),
      options,
    );
  await Promise.all(shards.flat().map(settled));
}

/** Throws what is not as it should be. */
async function expectSettled(client: Redis, shards: Shards): Promise<true> {
  const [info, view, replication] = await Promise.all([
    client.cluster("INFO").then(String),
    clusterView(client),
    client.info("replication"),
  ]);
  for (const line of [
    "cluster_state:ok",
    `cluster_slots_assigned:${slotCount}`,
    `cluster_slots_ok:${slotCount}`,
  ]) {
    if (!info.includes(`${line}\r`)) throw new Error(`CLUSTER INFO lacks ${line}`);
  }
  const ill = view.find(({ flags }) => flags.some((flag) => /^(fail\??|handshake|noaddr)$/.test(flag)));
  if (ill !== undefined) throw new Error(`it sees ${ill.port} as ${ill.flags.join(",")}`);
  if (view.length !== shards.flat().length) throw new Error(`it knows ${view.length} nodes`);
  for (const [index, shard] of shards.entries()) {
    const problem = shardProblem(
      view.filter(({ port }) => shard.some((node) => node.port === port)),
      shard,
    );
    if (problem !== undefined) throw new Error(`shard ${index} ${problem}`);
  }
  if (replication.includes("role:slave") && !replication.includes("master_link_status:up")) {
    throw new Error("the link to its primary is down");
  }
  return true;
}

function shardProblem(seen: readonly SeenNode[], shard: readonly ClusterAddress[]): string | undefined {
  if (seen.length !== shard.length) return `has ${seen.length} nodes`;
  const primaries = seen.filter(({ primaryId }) => primaryId === undefined);
  const [primary] = primaries;
  if (primary === undefined || primaries.length > 1) return `has ${primaries.length} primaries`;
  const strays = seen.filter((node) => node !== primary && node.primaryId !== primary.id);
  return strays.length > 0 ? "has replicas of another shard" : undefined;
}
