/** A connection came about or ended. Events go to a compacted Kafka topic under the user's id. */
export interface ConnectionEvent {
  readonly kind: "connected" | "disconnected";
  readonly userId: string;
  readonly serverId: string;
  readonly connectionId: string;
  /** Milliseconds since 1970: for `connected` the entry's connectedAtMs, for `disconnected` the time of that. */
  readonly atMs: number;
}

/** The default topic. */
export const connectionEventsTopic = "connection-events";

/** An event as the value of a Kafka record; docs/registry-layout.md documents it. */
export function formatConnectionEvent(event: ConnectionEvent): string {
  const { kind, userId, serverId, connectionId, atMs } = event;
  return JSON.stringify({ version: 1, kind, userId, serverId, connectionId, atMs });
}

/** Reads a record's value; undefined when it is of another layout. */
export function parseConnectionEvent(value: string): ConnectionEvent | undefined {
  let fields: Readonly<Record<string, unknown>>;
  try {
    const parsed: unknown = JSON.parse(value);
    if (typeof parsed !== "object" || parsed === null) return undefined;
    fields = { ...parsed };
  } catch {
    return undefined;
  }
  const { version, kind, userId, serverId, connectionId, atMs } = fields;
  if (version !== 1 || (kind !== "connected" && kind !== "disconnected")) return undefined;
  if (typeof userId !== "string" || typeof serverId !== "string") return undefined;
  if (typeof connectionId !== "string" || typeof atMs !== "number") return undefined;
  return { kind, userId, serverId, connectionId, atMs };
}

/**
 * Which of two events of one user tells more about where the user is now. Events of several servers can arrive in another
 * order than they happened: the end of a connection says nothing about any other connection.
 */
export function decisiveEvent(earlier: ConnectionEvent, later: ConnectionEvent): ConnectionEvent {
  if (earlier.kind === "disconnected") {
    return later.kind === "connected" && later.connectionId === earlier.connectionId ? earlier : later;
  }
  if (later.kind === "disconnected") return later.connectionId === earlier.connectionId ? later : earlier;
  return later.atMs >= earlier.atMs ? later : earlier;
}
