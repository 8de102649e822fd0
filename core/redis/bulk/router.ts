import calculateSlot from "cluster-key-slot";

/** Which server has a key. */
export interface Router {
  /** All primaries, as host:port. */
  addresses(): readonly string[];
  addressOf(key: string): string;
  /** A server says that a slot is another one's now. */
  moved(slot: number, address: string): void;
}

/** One server has everything. */
export function routerTo(address: string): Router {
  return { addresses: () => [address], addressOf: () => address, moved: () => undefined };
}

/** A range of slots and the primary that serves it. */
export interface SlotRange {
  readonly first: number;
  readonly last: number;
  readonly address: string;
}

/** By the slots of a cluster. A key whose slot nobody serves goes to any server: its answer says what is the matter. */
export function routerOf(ranges: readonly SlotRange[]): Router {
  const slots = new Array<string>(16_384).fill(ranges[0]?.address ?? "");
  for (const { first, last, address } of ranges) slots.fill(address, first, last + 1);
  return {
    addresses: () => [...new Set(slots)],
    addressOf: (key) => slots[calculateSlot(key)] ?? "",
    moved: (slot, address) => {
      slots[slot] = address;
    },
  };
}
