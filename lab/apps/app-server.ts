import { z } from "zod";
import { RedisopsError } from "../../core/errors.ts";
import { RateLimiter } from "../../fallbacks/rate-limit/rate-limiter.ts";
import { MessageRouter } from "../../fallbacks/registry/message-router.ts";
import { RegistryClient } from "../../fallbacks/registry/registry-client.ts";
import { SequenceClient } from "../../fallbacks/sequence/sequence-client.ts";
import { routing, section, storeDeadlineMs, throughPgBouncer } from "../platform/settings.ts";
import { runApp } from "./app.ts";
import { BatchedRows } from "./batched-rows.ts";
import { handOver } from "./hand-over.ts";
import { messageTable } from "./message-table.ts";

const message = z.object({
  messageId: z.string().max(100),
  senderId: z.string().max(100),
  conversationId: z.string().max(100),
  recipientId: z.string().max(100),
  body: z.string().max(10_000),
});

/** Takes messages: rate limit, message id, route. 202 is the promise that the message arrives. */
await runApp(async ({ settings, config }) => {
  const guard = { deadlineMs: storeDeadlineMs };
  const { tables, connection } = throughPgBouncer(config, settings);
  const registry = new RegistryClient(section(config, "registry"), guard);
  const limiter = new RateLimiter(section(config, "rate_limit"), guard);
  const sequence = new SequenceClient(section(config, "sequence"), guard);
  const router = new MessageRouter(registry, { ...connection, tables }, handOver(settings), routing);
  const messages = new BatchedRows(connection, messageTable);
  const counts = { delivered: 0, pending: 0, refused: 0, notAccepted: 0, timestampIds: 0 };
  await Promise.all([registry.ready(5_000), limiter.ready(5_000), sequence.ready(5_000)]);

  return {
    routes: {
      "POST /messages": async (body) => {
        const { messageId, senderId, conversationId, recipientId, body: text } = message.parse(body);
        if (!(await limiter.check(senderId)).allowed) {
          counts.refused += 1;
          return { status: 429 };
        }
        const order = await sequence.next(conversationId);
        if (order.kind === "timestamp") counts.timestampIds += 1;
        try {
          const envelope = JSON.stringify({ order: order.text, from: senderId, text });
          const { outcome } = await router.route({
            messageId,
            userId: recipientId,
            conversationId,
            body: envelope,
          });
          counts[outcome] += 1;
          messages.add({ conversationId, order: order.text, atMs: Date.now() });
          return { status: 202, body: { order: order.text, outcome } };
        } catch (error) {
          if (!(error instanceof RedisopsError)) throw error;
          counts.notAccepted += 1;
          return { status: 503, body: { error: error.toJSON() } };
        }
      },
    },
    counters: () => ({ ...counts, ...messages.counts }),
    async stop() {
      for (const client of [registry, limiter, sequence]) client.close();
      await Promise.all([router.close(), messages.close()]);
    },
  };
});
