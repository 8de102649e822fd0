import { setTimeout as delay } from "node:timers/promises";
import { compatibilityPartitioner, Producer } from "@platformatic/kafka";
import { type ConnectionEvent, formatConnectionEvent } from "../../../core/registry/connection-event.ts";
import { formatEntry, parseEntry } from "../../../core/registry/entry.ts";
import { registerScript } from "../../../core/registry/scripts.ts";
import { type KafkaServer, startKafka } from "../../../lab/servers/kafka.ts";
import type { World } from "../world.ts";
import { type Servers, startServers } from "./servers.ts";

const users = 30_000;
const topic = "connection-events";
const ttlMs = 3_600_000;
const serverId = "10.0.0.7:9000";

/** What the events say of user n: the connection that is up, if any. */
const connectionBy = (n: number): string | undefined =>
  n % 5 === 0 ? undefined : n % 7 === 0 ? "second" : "first";
/** Users whose entry is there already, of a connection that the events do not know of yet. */
const isLive = (n: number) => n % 11 === 0;

function eventsOf(n: number, now: number): ConnectionEvent[] {
  const userId = `u${n}`;
  const event = (kind: ConnectionEvent["kind"], connectionId: string, secondsAgo: number) => ({
    ...{ kind, userId, serverId, connectionId },
    atMs: now - secondsAgo * 1_000,
  });
  return [
    event("connected", "first", 600),
    ...(n % 7 === 0 ? [event("connected", "second", 300), event("disconnected", "first", 299)] : []),
    ...(n % 5 === 0 ? [event("disconnected", n % 7 === 0 ? "second" : "first", 200)] : []),
  ];
}

async function publish(kafka: KafkaServer, now: number): Promise<void> {
  await kafka.createTopic(topic, { partitions: 4, compacted: true });
  const producer = new Producer({
    clientId: "chaos",
    bootstrapBrokers: [kafka.brokers],
    partitioner: compatibilityPartitioner,
  });
  for (let start = 0; start < users; start += 1_000) {
    const events = Array.from({ length: 1_000 }, (_, n) => eventsOf(start + n, now)).flat();
    const messages = events.map((event) => ({
      topic,
      key: Buffer.from(event.userId),
      value: Buffer.from(formatConnectionEvent(event)),
    }));
    await producer.send({ messages: messages as never });
  }
  await producer.close();
}

async function connections({ redis }: Servers): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  for (let start = 0; start < users; start += 5_000) {
    const keys = Array.from({ length: 5_000 }, (_, n) => `conn:u${start + n}`);
    (await redis.mget(keys)).forEach((stored, n) => {
      const entry = stored === null ? undefined : parseEntry(stored);
      if (entry !== undefined) found.set(start + n, entry.connectionId);
    });
  }
  return found;
}

/** An empty registry, but for people who have just connected anew. */
export async function registryWorld(): Promise<
  World & Pick<Servers, "redis"> & { readonly kafka: KafkaServer }
> {
  const servers = await startServers("chaos-registry");
  const { redis } = servers;
  const kafka = await startKafka(servers.workspace);
  await publish(kafka, Date.now());
  const configFile = await servers.configure({
    roles: { registry: servers.role },
    kafka: { brokers: [kafka.brokers], connection_events: { topic } },
    recovery: { registry: { entry_ttl: "1h" } },
  });
  let reconnected = new Map<number, string>();
  let total = 0;
  return {
    ...servers,
    kafka,
    recovery: "registry",
    configFile,
    async reset() {
      await redis.flushall();
      reconnected = new Map();
      const pipeline = redis.pipeline();
      const connectedAtMs = Date.now() - 10_000;
      for (let n = 0; n < users; n += 1) {
        if (!isLive(n)) continue;
        const entry = formatEntry({
          ...{ serverId, connectionId: "live", connectedAtMs },
          ...{ delivery: "direct", sinceMs: connectedAtMs },
        });
        pipeline.set(`conn:u${n}`, entry, "PX", ttlMs);
      }
      await pipeline.exec();
    },
    // People connect anew, to a server that tells the registry at once.
    async traffic(signal) {
      while (!signal.aborted) {
        const n = (total * 7919) % users;
        const connection = `again-${total}`;
        total += 1;
        await registerScript.run(redis, [`conn:u${n}`], [Date.now(), connection, serverId, ttlMs]);
        reconnected.set(n, connection);
        if (total % 20 === 0) await delay(1);
      }
    },
    async state() {
      return Object.fromEntries(await connections(servers));
    },
    async problems() {
      const found = await connections(servers);
      const wrong = Array.from({ length: users }, (_, n) => {
        const expected = reconnected.get(n) ?? (isLive(n) ? "live" : connectionBy(n));
        return found.get(n) === expected ? [] : [`${found.get(n)} instead of ${expected}`];
      }).flat();
      return wrong.length === 0 ? [] : [`${wrong.length} users have another entry, such as ${wrong[0]}`];
    },
    figures: () => ({ "reconnects meanwhile": total }),
  };
}
