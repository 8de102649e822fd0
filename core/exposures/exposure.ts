/** A notification that was sent on the assumption that its recipient is opted in. */
export interface Exposure {
  readonly userId: string;
  readonly channel: string;
  readonly notificationId: string;
  /** When that was decided, in milliseconds since 1970. */
  readonly at: number;
}

/** Ending of the files that exposures are recorded in. */
export const segmentSuffix = ".jsonl";

/** Bytes that a folder of exposures may hold when nothing else is said. */
export const defaultExposureBytes = 268_435_456;

/** Longest line that is written or read, in bytes. */
export const maxLineBytes = 16_384;

/** An exposure as a line of JSON, with its line feed. */
export function exposureLine({ userId, channel, notificationId, at }: Exposure): string {
  return `${JSON.stringify({ at: new Date(at).toISOString(), user_id: userId, channel, notification_id: notificationId })}\n`;
}

/** Reads a line. Undefined for one that is none, such as the torn last line of a process that was killed. */
export function parseExposure(line: string): Exposure | undefined {
  let fields: unknown;
  try {
    fields = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof fields !== "object" || fields === null) return undefined;
  const { at, user_id: userId, channel, notification_id: notificationId } = fields as Record<string, unknown>;
  const time = typeof at === "string" ? Date.parse(at) : Number.NaN;
  if (Number.isNaN(time) || typeof userId !== "string" || typeof channel !== "string") return undefined;
  if (typeof notificationId !== "string") return undefined;
  // Postgres stores no zero bytes, so nobody of that name has chosen anything.
  if (`${userId}${channel}${notificationId}`.includes("\0")) return undefined;
  return { userId, channel, notificationId, at: time };
}
