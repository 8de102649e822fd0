import type { RedisopsError } from "../../../core/errors.ts";
import type { Message } from "../../../core/pending-deliveries/message.ts";

/** A message and the connection server that its recipient is connected to. */
export interface Addressed {
  readonly serverId: string;
  readonly message: Message;
}

/**
 * What became of a message. `acknowledged`: the receiver has it. `offline`: its recipient is not connected there.
 * `refused`: the receiver does not take this message, and says why. `unknown`: no answer, so that it may have it or not.
 * `untried`: it was not handed over, because one before it of the same recipient was not taken.
 */
export type Outcome = "acknowledged" | "offline" | "unknown" | "untried" | { readonly refused: string };

/** What came of a batch. */
export interface Delivered {
  /** One for each message, in the order of the batch. */
  readonly outcomes: readonly Outcome[];
  /** Why a destination gave no answer; its messages' outcomes are unknown, or acknowledged as far as it did answer. */
  readonly failures: ReadonlyMap<string, RedisopsError>;
}

/** A way to hand messages over. Used by one lane, a batch at a time. */
export interface Delivery {
  /** Where messages go, for messages to the reader. */
  readonly target: string;
  /** Whether all messages go to one and the same destination. */
  readonly single: boolean;
  /** What can be away by itself: a connection server's endpoint, or the one target that all messages go to. */
  destinationOf(serverId: string): string;
  /** Rejects with a RedisopsError when nothing could be handed over now. */
  reach(): Promise<void>;
  /**
   * Hands a batch over, each recipient's messages in their order. Settles by the deadline and never rejects. A target that
   * was lost is connected to again with the next batch.
   */
  deliver(batch: readonly Addressed[]): Promise<Delivered>;
  close(): Promise<void>;
}

/** By what a receiver tells a message that it was given before: message ids are unique for their recipient. */
export const idempotencyKey = ({ userId, messageId }: Message): string => JSON.stringify([userId, messageId]);

const longestReason = 200;

/** A receiver's reason for a reader: one short line, and without the body if it was quoted whole. */
export function boundedReason(reason: string, body: string): string {
  const quoted = body.length > 3 ? reason.replaceAll(body, "…") : reason;
  const line = quoted.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ").trim();
  return line.length > longestReason ? `${line.slice(0, longestReason - 1)}…` : line;
}
