import { type MessageId, randomSuffix, sequenceId, timestampId } from "../../core/sequence/message-id.ts";

/**
 * What this process knows of a conversation: the highest it has seen, so that the ids that it hands out rise one after
 * the other, from the counter or not.
 */
export class Conversation {
  /** Highest sequence seen; 0 for none. */
  sequence = 0;
  #timestampMs = 0;
  /** That of the latest id, if it was one without the counter. */
  #suffix: number | undefined;

  /** The id of a sequence from the counter. Undefined when it is not above all that was seen: it may be taken. */
  fromCounter(sequence: number, redisTimeMs: number): MessageId | undefined {
    if (sequence <= this.sequence) return undefined;
    // Within a millisecond the counter's ids come first, so after one without the counter it is the next millisecond.
    const earliest = this.#suffix === undefined ? this.#timestampMs : this.#timestampMs + 1;
    this.sequence = sequence;
    this.#timestampMs = Math.max(redisTimeMs, earliest);
    this.#suffix = undefined;
    return sequenceId(sequence, this.#timestampMs);
  }

  /** An id without the counter. `nowMs` is this process's time. */
  fromClock(nowMs: number): MessageId {
    if (nowMs > this.#timestampMs) {
      this.#timestampMs = nowMs;
      this.#suffix = undefined;
    }
    this.#suffix = this.#suffix === undefined ? randomSuffix() : this.#suffix + 1;
    return timestampId(this.#timestampMs, this.#suffix);
  }
}
