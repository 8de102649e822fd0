import { Client } from "pg";
import { Registry } from "prom-client";
import { Secret } from "../../core/config/secret.ts";
import type { Deliver, Message } from "../../core/pending-deliveries/message.ts";
import { pendingDeliveriesDdl } from "../../core/pending-deliveries/table.ts";
import { DeliveryWorker, type DeliveryWorkerOptions } from "../../fallbacks/registry/delivery-worker.ts";
import { MessageRouter, type RouterOptions } from "../../fallbacks/registry/message-router.ts";
import { RegistryClient, type RegistryOptions } from "../../fallbacks/registry/registry-client.ts";
import { type PostgresServer, startPostgres } from "../../lab/servers/postgres.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import type { Workspace } from "../../lab/workspace.ts";
import { MetricsPage } from "./exporter-page.ts";

const passwordVariable = "REDISOPS_TEST_REGISTRY_POSTGRES";

/** Generous: nothing in these tests may depend on how fast the machine is. */
const patientMs = 2_000;

/** What a connection server does with a message. */
export type Answer = "acknowledge" | "refuse" | "reject" | "hang";

const identity = ({ userId, messageId }: Pick<Message, "userId" | "messageId">) => `${userId} ${messageId}`;

/** A connection server in this process that writes down what it is given. */
export class ConnectionServer {
  /** Message ids of each user in the order in which they were first given. */
  readonly received = new Map<string, string[]>();
  readonly #times = new Map<string, number>();
  answer: (message: Message) => Answer | Promise<Answer> = () => "acknowledge";

  readonly deliver: Deliver = async (_serverId, message, signal) => {
    const answer = await this.answer(message);
    if (answer === "hang") await new Promise((resolve) => signal.addEventListener("abort", resolve));
    if (answer === "reject") throw new Error("connection lost");
    if (answer !== "acknowledge") return false;
    const times = this.times(message);
    this.#times.set(identity(message), times + 1);
    if (times === 0) {
      const list = this.received.get(message.userId) ?? [];
      list.push(message.messageId);
      this.received.set(message.userId, list);
    }
    return true;
  };

  /** How often the recipient was given the message. */
  times(message: Pick<Message, "userId" | "messageId">): number {
    return this.#times.get(identity(message)) ?? 0;
  }

  get duplicates(): number {
    return [...this.#times.values()].reduce((sum, times) => sum + times - 1, 0);
  }
}

/** A registry, Postgres with its table, and what uses them; everything is closed with the workspace. */
export class RegistryPlatform {
  readonly redis: RedisServer;
  readonly postgres: PostgresServer;
  /** A superuser's connection for what the test does itself. */
  readonly admin: Client;
  readonly #workspace: Workspace;

  /** Use {@link startRegistryPlatform}. */
  constructor(workspace: Workspace, redis: RedisServer, postgres: PostgresServer, admin: Client) {
    this.#workspace = workspace;
    this.redis = redis;
    this.postgres = postgres;
    this.admin = admin;
  }

  get connection() {
    return { topology: "standalone", address: `127.0.0.1:${this.redis.port}` } as const;
  }

  get location() {
    return {
      address: `127.0.0.1:${this.postgres.port}`,
      database: "postgres",
      user: this.postgres.user,
      password: new Secret(`\${${passwordVariable}}`),
    };
  }

  async registry(options: RegistryOptions = {}): Promise<RegistryClient> {
    const client = new RegistryClient(this.connection, {
      deadlineMs: patientMs,
      metrics: new Registry(),
      ...options,
    });
    this.#workspace.register({ name: "registry client", stop: async () => client.close() });
    await client.ready(30_000);
    return client;
  }

  router(registry: RegistryClient, deliver: Deliver, options: RouterOptions = {}): MessageRouter {
    const router = new MessageRouter(registry, this.location, deliver, {
      deadlineMs: 10_000,
      metrics: new Registry(),
      ...options,
    });
    this.#workspace.register({ name: "router", stop: () => router.close() });
    return router;
  }

  worker(registry: RegistryClient, deliver: Deliver, options: DeliveryWorkerOptions = {}): DeliveryWorker {
    const worker = new DeliveryWorker(registry, this.location, deliver, {
      idleMs: 50,
      metrics: new Registry(),
      ...options,
    });
    this.#workspace.register({ name: "delivery worker", stop: () => worker.stop() });
    return worker;
  }

  /** The ids of the messages that wait, in order. */
  async pending(userId?: string): Promise<string[]> {
    const { rows } = await this.admin.query<{ message_id: string }>(
      "SELECT message_id FROM pending_deliveries WHERE $1::text IS NULL OR user_id = $1 ORDER BY position",
      [userId],
    );
    return rows.map(({ message_id }) => message_id);
  }
}

/** Starts both servers, with an empty table. */
export async function startRegistryPlatform(workspace: Workspace): Promise<RegistryPlatform> {
  const [redis, postgres] = await Promise.all([
    startRedis(workspace, { name: "registry" }),
    startPostgres(workspace),
  ]);
  process.env[passwordVariable] = postgres.password;
  const admin = new Client(postgres.connection);
  admin.on("error", () => undefined);
  await admin.connect();
  await admin.query(pendingDeliveriesDdl());
  workspace.register({ name: "admin", stop: () => admin.end() });
  return new RegistryPlatform(workspace, redis, postgres, admin);
}

/** A connection of the user that came about so many milliseconds after the others. */
export function connectionOf(userId: string, laterMs = 0, connectionId = `c-${laterMs}`) {
  return { userId, serverId: "server-1", connectionId, connectedAtMs: 1_700_000_000_000 + laterMs };
}

/** A message to the user. */
export function messageTo(userId: string, messageId: string): Message {
  return { messageId, userId, conversationId: `conversation of ${userId}`, body: `{"text":"${messageId}"}` };
}

/** What a metrics registry shows now. */
export async function pageOf(metrics: Registry): Promise<MetricsPage> {
  return new MetricsPage(await metrics.metrics());
}
