import { type ConnectionEvent, parseConnectionEvent } from "./connection-event.ts";
import { checkConnection } from "./entry.ts";
import { scanConnectionEvent } from "./scan-event.ts";

/** Milliseconds that a server's clock may be ahead of the registry's; an event from further ahead is none. */
const AHEAD_MS = 3_600_000;

/**
 * A record's value as an event that the registry can hold; undefined for anything else: another layout, ids that do not
 * fit into an entry, a time that cannot be or lies in the future. An entry of the future would lock its user out. `start` and `end`
 * say where the value is in the bytes; without them it is all of them.
 */
export function readConnectionEvent(
  bytes: Buffer,
  nowMs: number,
  start = 0,
  end = bytes.length,
): ConnectionEvent | undefined {
  const scanned = scanConnectionEvent(bytes.toString("latin1", start, end));
  if (scanned !== undefined) return scanned.atMs > nowMs + AHEAD_MS ? undefined : scanned;
  const event = parseConnectionEvent(bytes.toString("utf8", start, end));
  return event !== undefined && isUsable(event, nowMs) ? event : undefined;
}

/** Whether an event is one that the registry can hold. */
export function isUsable(event: ConnectionEvent, nowMs: number): boolean {
  if (event.userId === "" || event.atMs > nowMs + AHEAD_MS) return false;
  try {
    checkConnection({ ...event, connectedAtMs: event.atMs });
    return true;
  } catch {
    return false;
  }
}
