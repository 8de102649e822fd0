import { keyMatcher, keysOf } from "../redis/key-pattern.ts";

/** A user's connection, as the process that holds it knows it. */
export interface Connection {
  readonly userId: string;
  /** Where messages for the user are handed over, such as the server's address. */
  readonly serverId: string;
  /** Unique to this connection. */
  readonly connectionId: string;
  /** When the connection came about, in milliseconds since 1970: of two connections the later one counts. */
  readonly connectedAtMs: number;
}

/**
 * What the registry says of a connected user. The layout is documented in docs/registry-layout.md.
 *
 * `delivery` is `direct` when a router has found that nothing waits for the user in pending_deliveries, and `queued` when
 * something may wait: a message handed over directly could then overtake it. `sinceMs` is when that was written, in the
 * registry's own time.
 */
export interface RegistryEntry extends Omit<Connection, "userId"> {
  readonly delivery: "queued" | "direct";
  readonly sinceMs: number;
}

/** The default of `roles.registry.key`. */
export const defaultRegistryKey = "conn:{user_id}";

const layout = /^1 (\d{1,16}) (\S+) (\S+) (queued|direct) (\d{1,16})$/;
const idLayout = /^\S{1,200}$/;

/** Makes the keys of users' entries from the role's key pattern. */
export const registryKeys = (pattern: string): ((userId: string) => string) => keysOf(pattern, "{user_id}");

/** Whether a key is an entry's by the role's key pattern. */
export const registryKeyMatcher = (pattern: string): ((key: string) => boolean) =>
  keyMatcher(pattern, "{user_id}");

/** The entry as it is stored. */
export function formatEntry(entry: RegistryEntry): string {
  const { connectedAtMs, connectionId, serverId, delivery, sinceMs } = entry;
  return `1 ${connectedAtMs} ${connectionId} ${serverId} ${delivery} ${sinceMs}`;
}

/** Reads a stored entry; undefined for anything of another layout, which nothing can be routed by. */
export function parseEntry(text: string): RegistryEntry | undefined {
  const [, connectedAtMs, connectionId, serverId, delivery, sinceMs] = layout.exec(text) ?? [];
  if (connectionId === undefined || serverId === undefined) return undefined;
  return {
    connectedAtMs: Number(connectedAtMs),
    connectionId,
    serverId,
    delivery: delivery === "direct" ? "direct" : "queued",
    sinceMs: Number(sinceMs),
  };
}

/** Throws a TypeError when the connection cannot be written in the entry's layout. */
export function checkConnection({ serverId, connectionId, connectedAtMs }: Connection): void {
  if (!idLayout.test(serverId) || !idLayout.test(connectionId)) {
    throw new TypeError("serverId and connectionId must have 1 to 200 characters and no white space");
  }
  if (!Number.isSafeInteger(connectedAtMs) || connectedAtMs < 0) {
    throw new TypeError("connectedAtMs must be a whole number of milliseconds since 1970");
  }
}
