import type { ConnectionEvent } from "../../core/registry/connection-event.ts";

/** Users whom the source takes for connected, to be looked up in the registry. */
export interface SampledConnections {
  /**
   * Users for whom some event says that they are connected. It need not be their newest one: where nothing is missing from
   * the registry, nobody has to find that out.
   */
  readonly candidates: readonly ConnectionEvent[];
  /** Which of these candidates are connected by their newest event; undefined for those of whom it could not be found out in time. */
  stillConnected(suspects: readonly ConnectionEvent[]): Promise<(boolean | undefined)[]>;
}
