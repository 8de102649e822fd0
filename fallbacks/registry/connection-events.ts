import type { ConnectionEvent } from "../../core/registry/connection-event.ts";

export type { ConnectionEvent } from "../../core/registry/connection-event.ts";

/** Where the registry's client tells of connections, so that an empty registry can be filled again. */
export interface ConnectionEvents {
  /** Takes the event and returns at once. Never throws for want of the place where events go. */
  publish(event: ConnectionEvent): void;
}
