import { type ConnectionEvent, decisiveEvent } from "../../core/registry/connection-event.ts";

/**
 * Events that wait, one for each user: a topic that is compacted by user keeps no more than the last one either. Bounded:
 * beyond that many users the one that has waited longest is given up.
 */
export class EventOutbox {
  readonly #capacity: number;
  readonly #waiting = new Map<string, ConnectionEvent>();
  #taken: ReadonlyMap<string, ConnectionEvent> = new Map();
  readonly #onDrop: () => void;

  constructor(capacity: number, onDrop: () => void) {
    this.#capacity = capacity;
    this.#onDrop = onDrop;
  }

  /** Users whose event has not been delivered, those on their way included. */
  get size(): number {
    return this.#waiting.size + this.#taken.size;
  }

  /** Takes an event in, in place of the one that waits for the same user if it tells more. */
  add(event: ConnectionEvent): void {
    const waiting = this.#waiting.get(event.userId);
    this.#waiting.set(event.userId, waiting === undefined ? event : decisiveEvent(waiting, event));
    this.#shrink();
  }

  /** The events that have waited longest, on their way from now on. Settle them before the next ones are taken. */
  take(count: number): readonly ConnectionEvent[] {
    const events: ConnectionEvent[] = [];
    for (const event of this.#waiting.values()) {
      if (events.length >= count) break;
      events.push(event);
    }
    for (const { userId } of events) this.#waiting.delete(userId);
    this.#taken = new Map(events.map((event) => [event.userId, event]));
    return events;
  }

  /** The events that were taken have been delivered. */
  delivered(): void {
    this.#taken = new Map();
  }

  /** The events that were taken have not been delivered: they wait again, before the others. */
  failed(): void {
    const newer = [...this.#waiting];
    const older = this.#taken;
    this.#taken = new Map();
    this.#waiting.clear();
    for (const [userId, event] of older) this.#waiting.set(userId, event);
    for (const [, event] of newer) this.add(event);
  }

  #shrink(): void {
    while (this.size > this.#capacity) {
      const [oldest] = this.#waiting.keys();
      if (oldest === undefined) return;
      this.#waiting.delete(oldest);
      this.#onDrop();
    }
  }
}
