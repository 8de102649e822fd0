import { z } from "zod";
import { RedisopsError } from "../../core/errors.ts";

/** Bytes of a notification at most: a thousand alerts have about as many. */
export const mostBytes = 2_097_152;

const labels = z.record(z.string(), z.string());
const status = z.enum(["firing", "resolved"]);

const schema = z.object({
  version: z.literal("4"),
  groupKey: z.string().max(4096),
  status,
  truncatedAlerts: z.number().optional(),
  alerts: z.array(z.object({ status, labels, startsAt: z.iso.datetime({ offset: true }) })),
});

/** What redisops reads of that which Alertmanager posts to a webhook (version 4 of its format). */
export type Notification = z.infer<typeof schema>;
export type NotifiedAlert = Notification["alerts"][number];

/** Reads a notification. Throws ONCALL_PAYLOAD_INVALID, without repeating what was sent. */
export function parseNotification(text: string): Notification {
  const refused = (why: string) =>
    new RedisopsError("ONCALL_PAYLOAD_INVALID", `This is no notification of Alertmanager: ${why}`);
  if (Buffer.byteLength(text) > mostBytes) throw refused(`it has more than ${mostBytes} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refused("it is not JSON");
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  // What somebody sent may have any keys: places are named by those of the format alone.
  const place = parsed.error.issues[0]?.path.map((step) => (typeof step === "number" ? "[]" : String(step)));
  const known = place?.filter((step) => step === "[]" || step in schema.shape || step in alertShape);
  throw refused(
    known === undefined || known.length === 0
      ? "it is not an object"
      : `${known.join(".")} is not as it should be`,
  );
}

const alertShape = schema.shape.alerts.element.shape;
