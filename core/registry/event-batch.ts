import { type ConnectionEvent, decisiveEvent } from "./connection-event.ts";

/** What the events of a user, as far as they are known, come to. */
export interface Decision {
  readonly event: ConnectionEvent;
  /**
   * When the newest connection of the user came about, as far as the events say: entries of older ones are superseded. -1
   * when they tell of none.
   */
  readonly newestMs: number;
}

/** At least so many users whose last connection has ended are remembered, and at most twice as many. */
const REMEMBERED = 25_000;

/**
 * Makes of a stream of events, batch by batch, one decision for each user of a batch. Beyond a batch it remembers the ends
 * of connections alone, and of those the latest only: an event that says that such a connection began arrived late.
 */
export class EventDecisions {
  #batch = new Map<string, { event: ConnectionEvent; newestMs: number }>();
  /** Connection that has ended by user; the second one has those of before, as a whole is forgotten faster than one by one. */
  #ended = new Map<string, string>();
  #endedBefore = new Map<string, string>();

  add(event: ConnectionEvent): void {
    const { kind, userId } = event;
    const connected = kind === "connected";
    if (connected && this.#hasEnded(event)) return;
    const known = this.#batch.get(userId);
    if (known === undefined) {
      this.#batch.set(userId, { event, newestMs: connected ? event.atMs : -1 });
      return;
    }
    known.event = decisiveEvent(known.event, event);
    if (known.event === event && connected && event.atMs > known.newestMs) known.newestMs = event.atMs;
  }

  /** The decisions on the events since it was called last. */
  take(): Decision[] {
    const decisions = [...this.#batch.values()];
    this.#batch = new Map();
    for (const { event } of decisions) {
      if (event.kind === "disconnected") this.#remember(event);
    }
    return decisions;
  }

  #hasEnded({ userId, connectionId }: ConnectionEvent): boolean {
    return (this.#ended.get(userId) ?? this.#endedBefore.get(userId)) === connectionId;
  }

  #remember({ userId, connectionId }: ConnectionEvent): void {
    if (this.#ended.size >= REMEMBERED) {
      this.#endedBefore = this.#ended;
      this.#ended = new Map();
    }
    this.#ended.set(userId, connectionId);
  }
}
