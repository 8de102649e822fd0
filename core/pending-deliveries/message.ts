/** A message for one recipient. */
export interface Message {
  /** Unique per recipient, who recognises a message that was given twice by it. */
  readonly messageId: string;
  /** The recipient. */
  readonly userId: string;
  readonly conversationId: string;
  /** Opaque to redisops. No NUL character, which Postgres does not store. */
  readonly body: string;
}

/**
 * Hands a message to a connection server. Resolves with true once the server has acknowledged it, with false when it did
 * not take it; a rejection counts as false. The signal aborts at the deadline: the outcome is then unknown and the message
 * is handed over again later, so that receivers have to recognise a message id that they know.
 */
export type Deliver = (serverId: string, message: Message, signal: AbortSignal) => Promise<boolean>;

/** Hands a message over. Settles by the deadline; false for everything but an acknowledgement. */
export async function deliverInTime(
  deliver: Deliver,
  serverId: string,
  message: Message,
  deadlineMs: number,
): Promise<boolean> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => {
      resolve(false);
      controller.abort(new Error("the connection server did not acknowledge before the deadline"));
    }, deadlineMs);
  });
  try {
    return (await Promise.race([deliver(serverId, message, controller.signal), expired])) === true;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
