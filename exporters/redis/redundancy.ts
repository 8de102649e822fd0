import type { RedisConnectionConfig } from "../../core/config/redis-section.ts";
import type { InfoFields } from "./info.ts";
import { connectedReplicas } from "./info.ts";
import { replicasInSync } from "./replication.ts";
import type { RoleConnections } from "./role-connections.ts";
import type { Shard, Topology } from "./topology.ts";

/** What could take over when a shard's primary is lost. */
export interface Redundancy {
  /** Undefined when nobody could tell. */
  readonly inSync: number | undefined;
  /** Dead ones included; undefined when nobody could tell. */
  readonly known: number | undefined;
}

/** INFO of a server; undefined where it did not answer. */
async function infoOf(connections: RoleConnections, address: string): Promise<InfoFields | undefined> {
  try {
    return (await connections.facts(address)).info;
  } catch {
    // The probe of the nodes reports it.
    return undefined;
  }
}

/** What could take over from a shard's primary. `asked` are the servers that may be asked. */
export async function redundancyOf(
  connections: RoleConnections,
  shard: Shard,
  asked: ReadonlySet<string>,
): Promise<Redundancy> {
  const replicas = shard.replicas?.filter((address) => asked.has(address));
  const [primary, ...answers] = await Promise.all(
    [shard.primary, ...(replicas ?? [])].map((address) => infoOf(connections, address)),
  );
  const answered = answers.filter((info) => info !== undefined);
  return {
    inSync: replicasInSync(primary, replicas === undefined ? undefined : answered),
    known: shard.replicas?.length ?? (primary === undefined ? undefined : connectedReplicas(primary).length),
  };
}

/**
 * How many most shards have; of two numbers as frequent the higher one, and one at least where any has one. Not the most
 * that one has: spares beyond that are there to move to a shard that lost its own (Redis Cluster specification, “Replica
 * migration”).
 */
function usualReplicas(shards: Topology["shards"]): number {
  const counts = shards.map(({ replicas }) => replicas?.length ?? 0);
  const frequency = (count: number) => counts.filter((other) => other === count).length;
  const [usual = 0] = counts.toSorted((a, b) => frequency(b) - frequency(a) || b - a);
  return Math.max(usual, counts.some((count) => count > 0) ? 1 : 0);
}

/**
 * How many replicas each shard should have: what is declared, else one behind Sentinels, which are there to promote it,
 * and in a cluster as many as most shards have. Undefined where nothing says so.
 */
export function expectedReplicas(
  { contract }: Pick<RedisConnectionConfig, "contract">,
  { kind, shards }: Topology,
): number | undefined {
  if (contract?.replicas !== undefined) return contract.replicas;
  switch (kind) {
    case "standalone":
      return undefined;
    case "sentinel":
      return 1;
    case "cluster":
      return usualReplicas(shards);
  }
}
