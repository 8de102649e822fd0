import slotOf from "cluster-key-slot";
import { type Shard, slotCount } from "./topology.ts";

/** The shard that serves a key; undefined where none does. */
export function shardOfKey(shards: readonly Shard[], key: string): Shard | undefined {
  const slot = slotOf(key);
  return shards.find(({ slots }) => slots.some(({ first, last }) => first <= slot && slot <= last));
}

/** For each slot the smallest number whose digits, as a hash tag, fall into it; 0 where not looked for yet. */
const tags = new Uint32Array(slotCount);
let looked = 0;

/** A hash tag of the slot: the same one at all times, so that canary keys do not multiply. */
export function hashTagOf(slot: number): string {
  while (tags[slot] === 0) {
    looked += 1;
    const found = slotOf(String(looked));
    if (tags[found] === 0) tags[found] = looked;
  }
  return String(tags[slot]);
}
