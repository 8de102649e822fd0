import { z } from "zod";

/** A notification as the load generator hands it to a worker. */
export const notification = z.object({
  /** The load generator's number of it; two copies of one notification have the same. */
  number: z.int(),
  person: z.int(),
  channel: z.enum(["sms", "email"]),
  priority: z.enum(["critical", "high", "normal", "bulk"]),
  /** Whether it was handed out before without an acknowledgement. */
  redelivered: z.boolean(),
});

export type Notification = z.infer<typeof notification>;

/** The most that a worker takes at once. */
export const maxBatch = 100;

/** The request to a worker. */
export const notificationBatch = z.array(notification).max(maxBatch);

/**
 * What a worker did with a notification. `shed` and `failed` ask for it to be handed out again; the others acknowledge it.
 */
export const outcomes = ["sent", "suppressed", "opted_out", "shed", "failed"] as const;

export type NotificationOutcome = (typeof outcomes)[number];

/** The answer of a worker: an outcome for each notification, in their order. */
export const outcomeList = z.array(z.enum(outcomes));

/** The id of the load generator's notification number `n`. */
export function notificationId(number: number): string {
  return `n-${number}`;
}
