import { LRUCache } from "lru-cache";
import type { RedisopsError } from "../../core/errors.ts";

/** Milliseconds for which a destination that gave no answer is left alone, doubled each time. */
const firstPause = 250;
const lastPause = 2_000;
/** A user whose message had no answer alone is left alone for longer than the destination, so that others go before. */
const suspectPause = 3_000;
const lastLeave = 10_000;
/** Users who are left alone for some time, at most; who falls out is tried earlier. */
const most = 10_000;

interface Destination {
  /** Batches that it has acknowledged something of. */
  acks: number;
  /** Messages that it may be given at once. */
  limit: number;
  pause: number;
  /** When it may be tried again, and since when it fails without interruption; by performance.now(). */
  at: number;
  failingSince: number | undefined;
  failure: RedisopsError | undefined;
  givenUp: boolean;
}

interface Later {
  readonly at: number;
  readonly pause: number;
}

/** What is known of the destinations, and of the users whose turn ended badly. Shared by all lanes of a process. */
export class Destinations {
  readonly #giveUpMs: number;
  readonly #destinations = new LRUCache<string, Destination>({ max: most });
  readonly #later = new LRUCache<string, Later>({ max: most });
  /** Of users in a batch without an answer: how much the destination had acknowledged by then. */
  readonly #suspects = new LRUCache<string, number>({ max: most });

  /** A destination that fails for `giveUpMs` without interruption is given up. */
  constructor(giveUpMs: number) {
    this.#giveUpMs = giveUpMs;
  }

  /** Messages that the destination may be given now; 0 while it is left alone. */
  room(name: string, now = performance.now()): number {
    const destination = this.#destinations.get(name);
    if (destination === undefined) return Number.POSITIVE_INFINITY;
    return now < destination.at ? 0 : destination.limit;
  }

  /** When the destination may be tried again, by performance.now(); undefined when it is given up. */
  availableAt(name: string): number | undefined {
    const destination = this.#destinations.get(name);
    if (destination === undefined) return 0;
    return this.givenUp(name) ? undefined : destination.at;
  }

  givenUp(name: string): boolean {
    return this.#destinations.get(name)?.givenUp ?? false;
  }

  /** Why the destination gave no answer the last time. */
  failureOf(name: string): RedisopsError | undefined {
    return this.#destinations.get(name)?.failure;
  }

  acknowledged(name: string): void {
    const destination = this.#destinations.get(name);
    if (destination === undefined) {
      this.#destinations.set(name, this.#fresh(1));
      return;
    }
    destination.acks++;
    destination.limit = Math.min(destination.limit * 2, 1e6);
    destination.pause = 0;
    destination.at = 0;
    destination.failingSince = undefined;
    destination.failure = undefined;
    destination.givenUp = false;
  }

  /**
   * Notes that the destination gave no answer to a batch. Answers whether that is the fault of the only message in it:
   * when it has acknowledged others since that message was in such a batch before.
   */
  failed(name: string, failure: RedisopsError, users: readonly string[]): boolean {
    const now = performance.now();
    const destination = this.#destinations.get(name) ?? this.#fresh(0);
    destination.failure = failure;
    // Several lanes may meet one and the same outage.
    if (now >= destination.at) {
      destination.pause = Math.min(lastPause, Math.max(firstPause, destination.pause * 2));
      destination.at = now + destination.pause;
    }
    destination.failingSince ??= now;
    destination.givenUp = now - destination.failingSince > this.#giveUpMs;
    destination.limit = Math.max(1, Math.floor(Math.min(destination.limit, users.length) / 2));
    this.#destinations.set(name, destination);
    const [first = ""] = users;
    const before = this.#suspects.get(first);
    for (const user of users) if (!this.#suspects.has(user)) this.#suspects.set(user, destination.acks);
    return users.length === 1 && before !== undefined && destination.acks > before;
  }

  /** Leaves a user alone for a while, longer each time. */
  leave(userId: string, first = firstPause): void {
    const pause = Math.min(lastLeave, Math.max(first, (this.#later.get(userId)?.pause ?? 0) * 2));
    this.#later.set(userId, { at: performance.now() + pause, pause });
  }

  /** Leaves users alone of whose messages nothing is known: one that was alone in its batch for longer, as it may be why. */
  leaveUnanswered(users: readonly string[]): void {
    const [only] = users;
    if (users.length === 1 && only !== undefined) this.leave(only, suspectPause);
    else for (const user of users) this.#later.set(user, { at: performance.now() + firstPause, pause: 0 });
  }

  /** Leaves a user alone until the end of the run. */
  leaveForGood(userId: string): void {
    this.#later.set(userId, { at: Number.POSITIVE_INFINITY, pause: 0 });
  }

  served(userId: string): void {
    this.#later.delete(userId);
    this.#suspects.delete(userId);
  }

  /** Whether the user is left alone now, and whether that ends. */
  isLeft(userId: string, now = performance.now()): "for good" | "for now" | undefined {
    const at = this.#later.get(userId)?.at ?? 0;
    if (at === Number.POSITIVE_INFINITY) return "for good";
    return now < at ? "for now" : undefined;
  }

  #fresh(acks: number): Destination {
    return { acks, limit: 1e6, pause: 0, at: 0, failingSince: undefined, failure: undefined, givenUp: false };
  }
}
