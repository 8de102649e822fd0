import { z } from "zod";
import { type OutputDocument, time } from "./shared.ts";

export const auditDocuments: readonly OutputDocument[] = [
  {
    command: "audit preferences",
    about: "Notifications that went out although the person had opted out.",
    schema: z.strictObject({
      since: time(),
      until: time(),
      notifications: z.int().describe("How many were found."),
      people: z.int(),
      listed: z.array(
        z.strictObject({
          at: time(),
          user_id: z.string(),
          channel: z.string(),
          notification_id: z.string(),
          opted_out_at: time().nullable(),
        }),
      ),
      examined: z.record(z.string(), z.int()).describe("What was looked through."),
    }),
  },
  {
    command: "audit duplicates",
    about: "Notifications that went out more than once.",
    schema: z.strictObject({
      since: time(),
      until: time(),
      window: z.string(),
      source: z.string().describe("The record of sends that was used."),
      notifications: z.int().describe("How many were found."),
      listed: z.array(
        z.strictObject({
          notification_id: z.string(),
          sends: z.int(),
          first_at: time(),
          last_at: time(),
        }),
      ),
      examined: z.record(z.string(), z.int()).describe("What was looked through."),
    }),
  },
];
