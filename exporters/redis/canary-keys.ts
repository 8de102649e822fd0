import type { RedisConnectionConfig } from "../../core/config/redis-section.ts";
import { hashTagOf } from "./slots.ts";
import type { Shard } from "./topology.ts";

/** How all keys of redisops’ own begin. */
export const canaryPrefix = "redisops:";

/**
 * Keys of redisops’ own on a shard, `redisops:<purpose>`, the preferred one first. In a cluster a hash tag puts each into a
 * slot of the shard; there are several, because a slot may be on its way to another shard.
 */
export function canaryKeys(
  purpose: string,
  topology: RedisConnectionConfig["topology"],
  { slots }: Pick<Shard, "slots">,
): readonly [string, ...string[]] {
  const name = `${canaryPrefix}${purpose}`;
  if (topology !== "cluster") return [name];
  const first = slots[0]?.first ?? 0;
  const last = slots.at(-1)?.last ?? first;
  const middle = slots[Math.floor(slots.length / 2)] ?? { first, last };
  const between = Math.floor((middle.first + middle.last) / 2);
  const keyIn = (slot: number) => `${name}:{${hashTagOf(slot)}}`;
  return [keyIn(first), keyIn(last), keyIn(between)];
}
