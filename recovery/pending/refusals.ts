import { LRUCache } from "lru-cache";
import type { Message } from "../../core/pending-deliveries/message.ts";

/** Recipients whose message was refused, at most; who falls out is counted anew. */
const most = 50_000;

/**
 * The refusals that this process has seen, by message: those that delivery workers counted before may all be of one and
 * the same outage. Shared by all lanes of a process.
 */
export class Refusals {
  // Only a recipient's oldest message is refused: what is behind it waits for it.
  readonly #counts = new LRUCache<string, { messageId: string; count: number }>({ max: most });

  /** Counts a refusal of the message. Answers how many it has had. */
  add({ userId, messageId }: Message): number {
    const before = this.#counts.get(userId);
    const count = before?.messageId === messageId ? before.count + 1 : 1;
    this.#counts.set(userId, { messageId, count });
    return count;
  }
}
