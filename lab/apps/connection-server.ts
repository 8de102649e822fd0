import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { messageOf } from "../../core/errors.ts";
import type { Connection } from "../../core/registry/entry.ts";
import { connectionTtlMs } from "../platform/platform-config.ts";
import { appsOf, serverIdOf, storeDeadlineMs } from "../platform/settings.ts";
import { type AppContext, runApp } from "./app.ts";
import { batch, takeBatch } from "./delivery-batch.ts";
import { HeldConnections } from "./held-connections.ts";
import { Inbox } from "./inbox.ts";
import { messageNumber } from "./message-number.ts";

const delivery = z.object({ messageId: z.string(), userId: z.string() });
/** What heartbeats do with an entry that is gone. */
const heartbeats = z.object({ entries: z.enum(["written", "prolonged"]) });

/** The simulated clients of this server: every so many users, as many as there are servers. */
function connect({ settings, own }: AppContext): Map<string, Connection> {
  const servers = appsOf(settings, "connection-server");
  const place = servers.findIndex(({ name }) => name === own.name);
  const connectedAtMs = Date.now();
  return new Map(
    Array.from({ length: settings.clientsPerServer }, (_, index) => {
      const userId = `u-${index * servers.length + place}`;
      return [userId, { userId, serverId: serverIdOf(own), connectionId: randomUUID(), connectedAtMs }];
    }),
  );
}

/** Where connections are told of; nowhere without Kafka. */
async function eventsTo(brokers: readonly string[], clientId: string) {
  if (brokers.length === 0) return undefined;
  const { KafkaConnectionEvents } = await import("../../fallbacks/registry/kafka-connection-events.ts");
  return new KafkaConnectionEvents({ clientId, bootstrapBrokers: [...brokers] });
}

/** Holds simulated clients, keeps them in the registry, and hands them what the routers and workers bring. */
await runApp(async (context) => {
  const { settings, own, config } = context;
  const events = await eventsTo(settings.kafka, own.name);
  const clients = connect(context);
  const held = new HeldConnections(
    config,
    { deadlineMs: storeDeadlineMs, ttlMs: connectionTtlMs, events },
    clients.values(),
  );
  const inbox = new Inbox(join(own.folder, "inbox.log"));
  await held.enter();
  let beating: Promise<unknown> = Promise.resolve();
  const heartbeat = setInterval(() => {
    beating = beating
      .then(() => held.beat())
      .catch((error: unknown) => {
        process.stderr.write(`heartbeats: ${messageOf(error)}\n`); // the next ones may fare better
      });
  }, connectionTtlMs / 3);
  const receive = (messageId: string, userId: string): "acknowledged" | "offline" | "unknown message" => {
    const number = messageNumber(messageId);
    if (number === undefined) return "unknown message";
    if (!clients.has(userId)) return "offline";
    inbox.receive(number, userId);
    return "acknowledged";
  };

  return {
    routes: {
      "POST /deliver": (body) => {
        const { messageId, userId } = delivery.parse(body);
        return { status: receive(messageId, userId) === "acknowledged" ? 200 : 404 };
      },
      "POST /deliveries": (body) => ({ status: 200, body: takeBatch(batch.parse(body), receive) }),
      "POST /heartbeats": async (body) => {
        held.keep(heartbeats.parse(body).entries);
        await beating;
        return { status: 200, body: {} };
      },
      "GET /delivered": () => ({ status: 200, body: inbox.delivered.bytes }),
    },
    counters: () => ({ clients: clients.size, ...inbox.counts }),
    async stop() {
      clearInterval(heartbeat);
      await held.close();
      await events?.close();
      inbox.close();
    },
  };
});
