import { slotOfKey, slotRanges } from "../servers/cluster-slots.ts";

/** Shards of the Redis Cluster. */
export const shardCount = 6;

const ranges = slotRanges(shardCount);

/** The shard of the lab's cluster that a key is in. Slots do not move in the lab. */
export function shardOfKey(key: string): number {
  const slot = slotOfKey(key);
  return ranges.findIndex(({ first, last }) => slot >= first && slot <= last);
}
