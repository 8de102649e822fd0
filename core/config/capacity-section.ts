import { z } from "zod";
import { labelName, positiveDuration } from "./fields.ts";

const rate = () => z.number().positive().max(1e12);
const ratio = () => z.number().min(0).max(1);
const count = () => z.number().min(1).max(1e12);

const provider = z
  .strictObject({
    notifications_per_second: rate().optional().describe("Notifications a second that are sent through it."),
  })
  .describe("A provider of the section providers, by its name.");

/** What `redisops capacity` cannot see by itself. */
export const capacitySection = z
  .strictObject({
    notifications_per_second: rate().optional().describe("Notifications a second, of all workers."),
    messages_per_second: rate().optional().describe("Messages a second that are routed."),
    connected_ratio: ratio().optional().describe("Share of messages whose recipient is connected."),
    recipients: count().optional().describe("Connected people who get messages."),
    refused_per_second: z
      .number()
      .min(0)
      .max(1e12)
      .optional()
      .describe("Messages a second that the rate limit refuses."),
    workers: count().optional().describe("Processes that read preferences and send notifications."),
    cache_hit_ratio: ratio().optional().describe("Share of preference reads that the cache answers."),
    notified_people: count().optional().describe("People who are notified within the life of a cache entry."),
    opted_out_ratio: ratio()
      .optional()
      .describe("Share of notifications whose recipient has opted out of their channel."),
    postgres_read_time: positiveDuration()
      .optional()
      .describe("Time that a read of preferences takes an idle Postgres."),
    repeated_ratio: ratio()
      .optional()
      .describe("Share of notifications that the queue hands out a second time."),
    sent_ids: count().optional().describe("Ids of one window that the filter holds."),
    rebuild_ids_per_second: rate().optional().describe("Ids a second that a rebuild of the filter takes in."),
    drain_messages_per_second: rate()
      .optional()
      .describe("Messages a second that are handed over out of pending_deliveries."),
    registry_entries_per_second: rate()
      .optional()
      .describe("Entries a second that a recovery of the registry writes."),
    outage: positiveDuration().optional().describe("How long a failure is assumed to last; 10m if left out."),
    providers: z
      .record(labelName(), provider)
      .default({})
      .describe("What is sent through each provider; shared by their limits when left out."),
  })
  .prefault({})
  .describe("Figures for redisops capacity that no metric shows; docs/capacity.md has their meaning.");
