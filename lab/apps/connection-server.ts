import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { messageOf } from "../../core/errors.ts";
import type { Connection } from "../../core/registry/entry.ts";
import { RegistryClient } from "../../fallbacks/registry/registry-client.ts";
import { appsOf, section, storeDeadlineMs } from "../platform/settings.ts";
import { type AppContext, runApp } from "./app.ts";
import { Inbox } from "./inbox.ts";
import { messageNumber } from "./message-number.ts";

/** Milliseconds that a registry entry lives without a heartbeat: short, so that a registry that lost data fills up soon. */
const ttlMs = 15_000;

const delivery = z.object({ messageId: z.string(), userId: z.string() });

/** The simulated clients of this server: every so many users, as many as there are servers. */
function connect({ settings, own }: AppContext): Map<string, Connection> {
  const servers = appsOf(settings, "connection-server");
  const place = servers.findIndex(({ name }) => name === own.name);
  const connectedAtMs = Date.now();
  return new Map(
    Array.from({ length: settings.clientsPerServer }, (_, index) => {
      const userId = `u-${index * servers.length + place}`;
      return [userId, { userId, serverId: own.name, connectionId: randomUUID(), connectedAtMs }];
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
  const registry = new RegistryClient(section(config, "registry"), {
    deadlineMs: storeDeadlineMs,
    ttlMs,
    events,
  });
  const inbox = new Inbox(join(own.folder, "inbox.log"));
  const clients = connect(context);
  await registry.ready(5_000);
  await Promise.all([...clients.values()].map((client) => registry.register(client)));
  let beating: Promise<unknown> = Promise.resolve();
  const heartbeat = setInterval(() => {
    beating = beating
      .then(() => registry.heartbeatAll(clients.values(), 32))
      .catch((error: unknown) => {
        process.stderr.write(`heartbeats: ${messageOf(error)}\n`); // the next ones may fare better
      });
  }, ttlMs / 3);

  return {
    routes: {
      "POST /deliver": (body) => {
        const { messageId, userId } = delivery.parse(body);
        const number = messageNumber(messageId);
        if (number === undefined || !clients.has(userId)) return { status: 404 };
        inbox.receive(number, userId);
        return { status: 200 };
      },
      "GET /delivered": () => ({ status: 200, body: inbox.delivered.bytes }),
    },
    counters: () => ({ clients: clients.size, ...inbox.counts }),
    async stop() {
      clearInterval(heartbeat);
      await Promise.all([...clients.values()].map((client) => registry.unregister(client)));
      registry.close();
      await events?.close();
      inbox.close();
    },
  };
});
