import { Cluster, Redis } from "ioredis";
import { Client } from "pg";
import { stringify } from "yaml";
import { parseConfig } from "../../core/config/load.ts";
import type { Config } from "../../core/config/schema.ts";
import { pendingDeliveriesDdl } from "../../core/pending-deliveries/table.ts";
import { formatEntry } from "../../core/registry/entry.ts";
import { type PostgresServer, startPostgres } from "../../lab/servers/postgres.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import type { RedisCluster } from "../../lab/servers/redis-cluster.ts";
import type { Workspace } from "../../lab/workspace.ts";
import type { PreparedPlan } from "../../recovery/engine.ts";
import { executePlan, preparePlan, type RunReport } from "../../recovery/engine.ts";
import { pending } from "../../recovery/pending/pending.ts";
import type { PendingDetails } from "../../recovery/pending/pending-config.ts";
import type { RecoveryContext } from "../../recovery/recovery.ts";

const passwordVariable = "REDISOPS_TEST_RECOVERY_PENDING";

/** How a test's drain differs from the usual one. */
export interface DrainSettings {
  readonly delivery?: Readonly<Record<string, unknown>>;
  readonly pending?: Readonly<Record<string, unknown>>;
  readonly roles?: Readonly<Record<string, unknown>>;
  readonly more?: Readonly<Record<string, unknown>>;
  readonly withoutDelivery?: boolean;
  readonly maxRate?: number;
  readonly retrySetAside?: boolean;
  readonly signal?: AbortSignal;
  readonly onWarning?: (message: string) => void;
  readonly onProgress?: (done: number) => void;
}

/** What a stream's entry says, without its body. */
export interface StreamEntry {
  readonly userId: string;
  readonly messageId: string;
  readonly conversationId: string;
  readonly body: string;
}

/** Postgres with the table, a registry, and a Redis whose streams the messages go to. */
export class PendingPlatform {
  readonly postgres: PostgresServer;
  readonly registry: RedisServer;
  #admin: Client;
  readonly redis: Redis;
  readonly #state: string;

  /** Use {@link startPendingPlatform}. */
  constructor(postgres: PostgresServer, registry: RedisServer, admin: Client, redis: Redis, state: string) {
    this.postgres = postgres;
    this.registry = registry;
    this.#admin = admin;
    this.redis = redis;
    this.#state = state;
  }

  /** A superuser's connection for what the test does itself. */
  get admin(): Client {
    return this.#admin;
  }

  /** Restarts Postgres, which ends all connections. */
  async restartPostgres(): Promise<void> {
    await this.postgres.restart();
    this.#admin = await connectAdmin(this.postgres);
  }

  async close(): Promise<void> {
    this.redis.disconnect();
    await this.#admin.end();
  }

  /** Empties everything. */
  async reset(): Promise<void> {
    await this.redis.flushall();
    await this.admin.query(
      "TRUNCATE pending_deliveries; DROP TABLE IF EXISTS pending_deliveries_set_aside, redisops_runs CASCADE",
    );
  }

  /** Text of a redisops.yaml. */
  yaml({
    delivery,
    withoutDelivery,
    pending: settings = {},
    roles = {},
    more = {},
  }: DrainSettings = {}): string {
    return stringify({
      platform: "test",
      roles: { registry: { topology: "standalone", address: `127.0.0.1:${this.registry.port}` }, ...roles },
      postgres: {
        address: `127.0.0.1:${this.postgres.port}`,
        database: "postgres",
        user: this.postgres.user,
        password: `\${${passwordVariable}}`,
        tables: { pending_deliveries: {} },
      },
      recovery: {
        pending: {
          ...(withoutDelivery === true
            ? {}
            : {
                delivery: delivery ?? {
                  kind: "redis_stream",
                  address: `127.0.0.1:${this.registry.port}`,
                  stream: "out",
                },
              }),
          ...settings,
        },
      },
      state_dir: this.#state,
      ...more,
    });
  }

  config(settings: DrainSettings = {}): Config {
    return parseConfig(this.yaml(settings), "test");
  }

  context(settings: DrainSettings = {}): RecoveryContext<"pending"> {
    return {
      config: this.config(settings),
      options: { "retry-set-aside": settings.retrySetAside ?? false },
      signal: settings.signal ?? new AbortController().signal,
      onProgress: ({ done }) => settings.onProgress?.(done),
      onStepEnd: () => undefined,
      onWarning: settings.onWarning ?? (() => undefined),
    };
  }

  plan(settings: DrainSettings = {}): Promise<PreparedPlan<PendingDetails>> {
    return preparePlan(pending, this.context(settings));
  }

  /** Plans and drains. */
  async drain(settings: DrainSettings = {}): Promise<RunReport> {
    const context = this.context(settings);
    const { plan } = await preparePlan(pending, context);
    return executePlan(pending, context, plan, { maxRate: settings.maxRate });
  }

  /** Enters the users into the registry, connected long before. */
  async connect(users: readonly string[], serverId = "server-1"): Promise<void> {
    const entry = entryOf(serverId);
    const pipeline = this.redis.pipeline();
    for (const user of users) pipeline.set(`conn:${user}`, entry);
    await pipeline.exec();
  }

  /** The same in a cluster. */
  async connectInCluster({ nodes }: RedisCluster, users: readonly string[]): Promise<void> {
    const cluster = new Cluster(nodes.map(({ port }) => ({ host: "127.0.0.1", port })));
    try {
      await Promise.all(users.map((user) => cluster.set(`conn:${user}`, entryOf("server-1"))));
    } finally {
      cluster.disconnect();
    }
  }

  /** Messages `<user>-0`, `<user>-1` ... for each user, the users' mixed. */
  async wait(users: readonly string[], each: number, from = 0): Promise<void> {
    await this.admin.query(
      `INSERT INTO pending_deliveries (message_id, user_id, conversation_id, body)
       SELECT name || '-' || n, name, 'c', 'b' FROM generate_series($3::int, $3::int + $2::int - 1) AS n, unnest($1::text[]) AS name
       ORDER BY n`,
      [users, each, from],
    );
  }

  /** The ids of the messages that wait, in order. */
  async waiting(): Promise<string[]> {
    const { rows } = await this.admin.query<{ message_id: string }>(
      "SELECT message_id FROM pending_deliveries ORDER BY user_id, position",
    );
    return rows.map(({ message_id }) => message_id);
  }

  /** Everything that is in the stream. */
  async streamed(stream = "out"): Promise<StreamEntry[]> {
    return (await this.redis.xrange(stream, "-", "+")).map(([, fields]) => {
      const values = new Map(
        fields.flatMap((field, index) =>
          index % 2 === 0 ? [[field, fields[index + 1] ?? ""] as const] : [],
        ),
      );
      const value = (name: string) => values.get(name) ?? "";
      return {
        userId: value("user_id"),
        messageId: value("message_id"),
        conversationId: value("conversation_id"),
        body: value("body"),
      };
    });
  }

  /** Message ids in the stream by user. */
  async streamedByUser(): Promise<Map<string, string[]>> {
    const byUser = new Map<string, string[]>();
    for (const { userId, messageId } of await this.streamed()) {
      byUser.set(userId, [...(byUser.get(userId) ?? []), messageId]);
    }
    return byUser;
  }
}

const entryOf = (serverId: string) =>
  formatEntry({
    serverId,
    connectionId: "c",
    connectedAtMs: 1_700_000_000_000,
    delivery: "queued",
    sinceMs: 0,
  });

/** Starts the servers. */
export async function startPendingPlatform(workspace: Workspace): Promise<PendingPlatform> {
  const [registry, postgres] = await Promise.all([
    startRedis(workspace, { name: "registry" }),
    startPostgres(workspace),
  ]);
  process.env[passwordVariable] = postgres.password;
  const admin = await connectAdmin(postgres);
  await admin.query(pendingDeliveriesDdl());
  const redis = new Redis({ host: "127.0.0.1", port: registry.port });
  redis.on("error", () => undefined);
  const platform = new PendingPlatform(postgres, registry, admin, redis, await workspace.folder("state"));
  workspace.register({ name: "test connections", stop: () => platform.close() });
  return platform;
}

async function connectAdmin(postgres: PostgresServer): Promise<Client> {
  const admin = new Client(postgres.connection);
  admin.on("error", () => undefined);
  await admin.connect();
  return admin;
}

export const numbered = (user: string, count: number) =>
  Array.from({ length: count }, (_, n) => `${user}-${n}`);
export const names = (count: number, prefix = "user") =>
  Array.from({ length: count }, (_, n) => `${prefix}-${n}`);
