import type { Redis } from "ioredis";
import { withRedis } from "./redis-client.ts";

/** What moving slots takes. */
export interface MoveOptions {
  /**
   * Called for each slot while it is open: the old owner answers ASK for keys that it does not have, and no key has
   * been moved yet.
   */
  readonly whileOpen?: (slot: number) => Promise<void>;
  /** Of both nodes; none unless given. */
  readonly password?: string | undefined;
}

const keysAtOnce = 100;
const migrateTimeoutMs = 5000;

interface Side {
  readonly client: Redis;
  readonly port: number;
  readonly id: string;
}

/**
 * Moves slots with their keys from one primary to another, one slot after the other, while clients go on: they meet
 * ASK on an open slot, and MOVED afterwards. The other nodes learn of the new owner from the cluster's gossip, a little
 * later.
 *
 * @throws Error of Redis when a node refuses or is gone; the slot at hand then stays open.
 */
export async function moveSlots(
  fromPort: number,
  toPort: number,
  slots: Iterable<number>,
  options: MoveOptions = {},
): Promise<void> {
  await withRedis(
    fromPort,
    (fromClient) =>
      withRedis(
        toPort,
        async (toClient) => {
          const from = await side(fromClient, fromPort);
          const to = await side(toClient, toPort);
          for (const slot of slots) await moveSlot(from, to, slot, options);
        },
        options,
      ),
    options,
  );
}

async function side(client: Redis, port: number): Promise<Side> {
  return { client, port, id: String(await client.call("CLUSTER", "MYID")) };
}

async function moveSlot(from: Side, to: Side, slot: number, options: MoveOptions): Promise<void> {
  // The new owner first: otherwise a client that is sent there by ASK would be sent back.
  await to.client.call("CLUSTER", "SETSLOT", slot, "IMPORTING", from.id);
  await from.client.call("CLUSTER", "SETSLOT", slot, "MIGRATING", to.id);
  await options.whileOpen?.(slot);
  const auth = options.password === undefined ? [] : ["AUTH", options.password];
  for (;;) {
    const keys = (await from.client.callBuffer("CLUSTER", "GETKEYSINSLOT", slot, keysAtOnce)) as Buffer[];
    if (keys.length === 0) break;
    const target = ["127.0.0.1", to.port, "", 0, migrateTimeoutMs];
    await from.client.call("MIGRATE", ...target, ...auth, "KEYS", ...keys);
  }
  // Here too: were the old owner to let go first, it would point at itself and clients would run in a circle.
  await to.client.call("CLUSTER", "SETSLOT", slot, "NODE", to.id);
  await from.client.call("CLUSTER", "SETSLOT", slot, "NODE", to.id);
}
