/** How many hash slots a Redis Cluster has. */
export const slotCount = 16_384;

/** The hash slot of a key, by its hash tag if it has one. */
export function slotOfKey(key: string): number {
  let crc = 0;
  for (const byte of hashedBytes(Buffer.from(key))) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : crc << 1;
  }
  return crc % slotCount;
}

/** What lies between the first "{" and the first "}" after it counts alone, unless that is nothing. */
function hashedBytes(key: Buffer): Buffer {
  const start = key.indexOf("{");
  if (start === -1) return key;
  const end = key.indexOf("}", start + 1);
  return end === -1 || end === start + 1 ? key : key.subarray(start + 1, end);
}

/** A run of slots, both ends included. */
export interface SlotRange {
  readonly first: number;
  readonly last: number;
}

/** Splits all slots into as many runs as there are shards, which differ by at most one in length. */
export function slotRanges(shards: number): SlotRange[] {
  return Array.from({ length: shards }, (_, shard) => ({
    first: Math.floor((shard * slotCount) / shards),
    last: Math.floor(((shard + 1) * slotCount) / shards) - 1,
  }));
}
