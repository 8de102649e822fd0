import type { RedisConnectionConfig } from "../../core/config/redis-section.ts";

/** A run of hash slots, both ends included. */
export interface SlotRange {
  readonly first: number;
  readonly last: number;
}

/** Hash slots of a Redis Cluster (Redis Cluster specification, “Key distribution model”). */
export const slotCount = 16_384;

/** Servers that hold one part of a role's keys: all of them, where the role is no cluster. */
export interface Shard {
  /** `0`, `1`, ... in the order of the lowest slots. */
  readonly name: string;
  /** What it serves of a cluster's slots; every slot, where the role is no cluster. */
  readonly slots: readonly SlotRange[];
  /** Share of the key space, 0..1. */
  readonly keySpaceRatio: number;
  /** `host:port`. */
  readonly primary: string;
  /** `host:port` of each, as they are known; undefined where nobody but the primary could tell (standalone). */
  readonly replicas: readonly string[] | undefined;
  /** Rises with each failover; undefined for a standalone server. */
  readonly configEpoch: number | undefined;
}

/** A data server of a role as the topology lists it. */
export interface TopologyNode {
  readonly address: string;
  readonly kind: "primary" | "replica";
  /** Undefined for one that holds no part of the keys. */
  readonly shard: string | undefined;
  /** Whether the others (Sentinels, cluster) have declared it down. */
  readonly declaredDown: boolean;
}

/** Which servers a role consists of now. */
export interface Topology {
  readonly kind: RedisConnectionConfig["topology"];
  readonly shards: readonly Shard[];
  readonly nodes: readonly TopologyNode[];
  /** Share of the key space that belongs to no shard, 0..1. */
  readonly uncoveredRatio: number;
}

const everySlot: readonly SlotRange[] = [{ first: 0, last: slotCount - 1 }];

/** A topology without shards: one primary for all keys. */
export function singleShard(
  kind: Topology["kind"],
  primary: Pick<TopologyNode, "address" | "declaredDown">,
  replicas: readonly Pick<TopologyNode, "address" | "declaredDown">[] | undefined,
  configEpoch: number | undefined,
): Topology {
  const name = "0";
  const shard: Shard = {
    name,
    slots: everySlot,
    keySpaceRatio: 1,
    primary: primary.address,
    replicas: replicas?.map(({ address }) => address),
    configEpoch,
  };
  return {
    kind,
    shards: [shard],
    nodes: [
      { ...primary, kind: "primary", shard: name },
      ...(replicas ?? []).map((replica): TopologyNode => ({ ...replica, kind: "replica", shard: name })),
    ],
    uncoveredRatio: 0,
  };
}
