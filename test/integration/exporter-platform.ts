import { BitmapFilter, bitmapKeys, createdField, layoutToMeta } from "../../core/filter/bitmap-filter.ts";
import { bitmapLayout } from "../../core/filter/bitmap-layout.ts";
import { preferencesSchema } from "../../core/preferences/schema.ts";
import { createRunsTable } from "../../core/recovery-runs/table.ts";
import { startPgBouncer } from "../../lab/servers/pgbouncer.ts";
import { httpAccountPath } from "../../lab/servers/provider-http.ts";
import { type ProviderStandIn, startProviderStandIn } from "../../lab/servers/provider-stand-in.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { startRedisCluster } from "../../lab/servers/redis-cluster.ts";
import { startReplica } from "../../lab/servers/redis-replica.ts";
import { startSentinel } from "../../lab/servers/sentinel.ts";
import { waitUntil } from "../../lab/wait.ts";
import type { Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { type Database, startDatabase } from "./exporter-database.ts";
import { secretFile } from "./exporter-harness.ts";

const sid = `AC${"7".repeat(32)}`;
const key = "{dedup:sent}";
const capacity = 5000;

/** A platform with every role, each topology, Postgres and both providers; all of it healthy. */
export interface Platform {
  readonly database: Database;
  readonly redis: RedisServer;
  readonly provider: ProviderStandIn;
  /** The parts of redisops.yaml that describe it. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Waits until no connection of redisops is left anywhere. */
  untilLeft(): Promise<void>;
}

/** Waits until a Redis server has no client but the one that asks. */
async function untilAlone(port: number): Promise<void> {
  await withRedis(port, (client) =>
    waitUntil(
      async () => {
        const list = String(await client.client("LIST", "TYPE", "NORMAL"));
        // A Sentinel's own connections to the server it watches carry its name.
        const others = list.split("\n").filter((line) => line !== "" && !line.includes("name=sentinel-"));
        return others.length === 1;
      },
      { what: "redisops to have closed its connections to Redis", deadlineMs: patience },
    ),
  );
}

/** What an exporter does not report at its first scrape: a second run measures, and a transaction grows a second old. */
export const lateMetrics = [
  "redisops_preference_read_capacity",
  "redisops_postgres_oldest_transaction_timestamp_seconds",
] as const;

/** Starts the platform; one Redis server has several roles. */
export async function startPlatform(workspace: Workspace): Promise<Platform> {
  const [database, redis, cluster, provider] = await Promise.all([
    startDatabase(workspace),
    startRedis(workspace, { name: "redis", config: ["appendonly yes", "maxmemory 1gb"] }),
    startRedisCluster(workspace, { name: "cluster", shards: 3, replicasPerShard: 1 }),
    startProviderStandIn(workspace, {
      accounts: [
        { provider: "twilio", sid, authToken: "token", perSecond: 10_000 },
        { provider: "sendgrid", name: "mail", apiKey: "SG.key", perSecond: 10_000 },
        {
          ...{ provider: "http", name: "push", perSecond: 10_000, limitHeaders: "ratelimit" },
          credential: ["authorization", "Bearer push"],
        },
      ],
    }),
  ]);
  const replica = await startReplica(workspace, redis, { name: "replica" });
  const sentinel = await startSentinel(workspace, {
    name: "sentinel",
    primary: redis,
    primaryName: "primary",
  });
  const bouncer = await startPgBouncer(workspace, { postgres: database.server });
  await database.admin.query(preferencesSchema);
  await database.admin.query(
    "INSERT INTO preferences (user_id, channel, opted_out) SELECT 'user-' || n, 'sms', true FROM generate_series(1, 20) AS n",
  );
  await database.admin.query(`
    CREATE TABLE messages (conversation_id text, message_id bigint, created_at timestamptz NOT NULL);
    CREATE INDEX ON messages (created_at);
    CREATE INDEX ON messages (conversation_id, created_at);
    INSERT INTO messages SELECT 'conversation', n, now() - n * interval '1 second' FROM generate_series(1, 50) AS n`);
  await database.admin.query(createRunsTable("redisops_runs"));
  // Under way for as long as the tests may take: their last sign of life is yet to come.
  await database.admin.query(`
    INSERT INTO redisops_runs (run, kind, name, role, state, heartbeat_at, done, total, host) VALUES
      ('r1', 'recovery', 'bloom', 'dedup', 'succeeded', now() - interval '1 hour', NULL, NULL, 'here'),
      ('r2', 'recovery', 'bloom', 'dedup', 'running', now() + interval '1 day', 43, 100, 'here'),
      ('d1', 'drill', 'BloomCold', 'dedup', 'running', now() + interval '1 day', NULL, NULL, 'here')`);
  // An open transaction, so that there is an oldest one.
  const holder = await database.connect();
  workspace.register({ name: "the holder", stop: async () => void holder.connection.stream.destroy() });
  await holder.query("BEGIN");
  const layout = bitmapLayout({ capacity, errorRate: 0.01 });
  const sent = await database.send(1000);
  await withRedis(redis.port, async (client) => {
    await new BitmapFilter(client, "the test", key, layout).add(sent);
    await client.hset(bitmapKeys.meta(key), { ...layoutToMeta(layout), ...createdField(Date.now()) });
    await client.set("seq:conversation", 50);
  });
  await database.admin.query(
    "INSERT INTO pending_deliveries SELECT 'm' || n, 'user-' || n, now() - interval '5 minutes' FROM generate_series(1, 20) AS n",
  );

  const standalone = { topology: "standalone", address: `127.0.0.1:${redis.port}` };
  const sharded = { topology: "cluster", nodes: cluster.addresses.slice(0, 2) };
  const watched = { topology: "sentinel", sentinels: [`127.0.0.1:${sentinel.port}`], primary: "primary" };
  const twilio = {
    limit_per_second: 10,
    account_sid: sid,
    auth_token: await secretFile(workspace, "token"),
  };
  const sendgrid = { limit_per_second: 10, api_key: await secretFile(workspace, "SG.key") };
  const push = { limit_per_second: 10, bearer_token: await secretFile(workspace, "push") };
  return {
    database,
    redis,
    provider,
    config: {
      roles: {
        registry: sharded,
        rate_limit: watched,
        sequence: standalone,
        preferences: sharded,
        dedup: { ...watched, filter: { engine: "bitmap", key, capacity } },
        token_bucket: standalone,
      },
      postgres: database.section({
        pgbouncer: {
          address: `127.0.0.1:${bouncer.port}`,
          user: database.server.user,
          password: database.password,
        },
        tables: { sent_notifications: {}, pending_deliveries: {}, preferences: {}, messages: {} },
      }),
      providers: {
        twilio: { kind: "twilio", base_url: provider.url, accounts: { main: twilio } },
        sendgrid: { kind: "sendgrid", base_url: provider.url, accounts: { mail: sendgrid } },
        push: {
          ...{ kind: "http", base_url: provider.url, probe_request: { path: httpAccountPath } },
          accounts: { main: push },
        },
      },
    },
    untilLeft: async () => {
      await Promise.all([
        ...[redis, replica, sentinel, ...cluster.nodes].map(({ port }) => untilAlone(port)),
      ]);
      await database.untilLeft();
    },
  };
}
