import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { parseConfig } from "../../core/config/load.ts";
import { layoutToMeta } from "../../core/filter/bitmap-filter.ts";
import { bitmapLayout } from "../../core/filter/bitmap-layout.ts";
import { pendingDeliveriesDdl } from "../../core/pending-deliveries/table.ts";
import { encodePreferences } from "../../core/preferences/cache-entry.ts";
import { preferencesSchema } from "../../core/preferences/schema.ts";
import { formatEntry } from "../../core/registry/entry.ts";
import { startAlertmanager } from "../../lab/servers/alertmanager.ts";
import { type PgBouncerServer, startPgBouncer } from "../../lab/servers/pgbouncer.ts";
import { type PostgresServer, startPostgres } from "../../lab/servers/postgres.ts";
import { type PrometheusServer, startPrometheus } from "../../lab/servers/prometheus.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { type RedisCluster, startRedisCluster } from "../../lab/servers/redis-cluster.ts";
import { startReplica } from "../../lab/servers/redis-replica.ts";
import { type Sentinels, startSentinels } from "../../lab/servers/sentinel.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { diagnose } from "../../operations/doctor/doctor.ts";
import { type Drafted, draftConfig } from "../../operations/init/init.ts";
import type { InitRequest } from "../../operations/init/request.ts";
import { writeConfiguration } from "../fixtures/alertmanager.ts";

const secret = "init-distinctive-77aa";
const layout = bitmapLayout({ capacity: 20_000, errorRate: 0.005 });

let workspace: Workspace;
let shared: RedisServer;
let primary: RedisServer;
let replica: RedisServer;
let sentinels: Sentinels;
let cluster: RedisCluster;
let postgres: PostgresServer;
let bouncer: PgBouncerServer;
let prometheus: PrometheusServer;
let alertmanagerUrl: string;

const at = (port: number) => `127.0.0.1:${port}`;

function request(change: Partial<InitRequest> = {}): InitRequest {
  return {
    platform: undefined,
    redis: [],
    redisUsername: undefined,
    redisPasswords: [],
    roles: new Map(),
    postgres: undefined,
    postgresDatabase: undefined,
    postgresUser: undefined,
    postgresPassword: undefined,
    pgbouncer: undefined,
    pgbouncerUser: undefined,
    pgbouncerPassword: undefined,
    kafka: [],
    kafkaUsername: undefined,
    kafkaPassword: undefined,
    prometheus: undefined,
    alertmanager: undefined,
    grafana: undefined,
    grafanaToken: undefined,
    tls: [],
    caFile: undefined,
    ask: undefined,
    note: () => undefined,
    ...change,
  };
}

/** What a draft says, read as redisops reads it. No user, key or secret may be in it. */
function read({ text }: Drafted) {
  expect(text).not.toMatch(/distinctive|user-\d/);
  parseConfig(text, "drafted");
  return parse(text) as { platform: string; roles: Record<string, Record<string, unknown>> } & Record<
    string,
    unknown
  >;
}

const entry = (user: number) =>
  formatEntry({
    connectedAtMs: 1e12,
    connectionId: `k${user}`,
    serverId: "s1",
    delivery: "direct",
    sinceMs: 1e12,
  });

beforeAll(async () => {
  process.env.INIT_SECRET = secret;
  process.env.INIT_OTHER = "other-distinctive";
  workspace = await createWorkspace("init");
  const protectedBy = [`requirepass ${secret}`];
  const alerting = async () => {
    const configFile = await writeConfiguration(workspace, {});
    const alertmanager = await startAlertmanager(workspace, { configFile });
    alertmanagerUrl = alertmanager.url;
    prometheus = await startPrometheus(workspace, {
      scrapeInterval: "1s",
      evaluationInterval: "1s",
      alertmanager: alertmanager.address,
    });
  };
  const watched = async () => {
    primary = await startRedis(workspace, { name: "primary" });
    replica = await startReplica(workspace, primary, { name: "replica" });
    sentinels = await startSentinels(workspace, { name: "sentinel", primary, primaryName: "filter" });
  };
  [shared, cluster, postgres] = await Promise.all([
    startRedis(workspace, { name: "shared", config: protectedBy }),
    startRedisCluster(workspace, { name: "cluster", shards: 3 }),
    startPostgres(workspace),
    watched(),
    alerting(),
  ]);
  const users = Array.from({ length: 40 }, (_, index) => index);
  await withRedis(
    shared.port,
    async (client) => {
      const pipeline = client.pipeline();
      for (const user of users) {
        pipeline.set(`live:user-${user}:entry`, entry(user), "PX", 600_000);
        pipeline.set(`rate:user-${user}`, "3", "PX", 600_000);
        pipeline.set(`seq:{user-${user}}`, "17");
        pipeline.set(`page:user-${user}`, "<html>");
      }
      pipeline.hset("bucket:twilio:main", "tokens", "5", "updated_ms", "1700000000000");
      pipeline.hset("bucket:acme:first", "tokens", "5", "updated_ms", "1700000000000");
      await pipeline.exec();
    },
    { password: secret },
  );
  await withRedis(primary.port, (client) => client.hset("{sent}:meta", layoutToMeta(layout)));
  for (const { port } of cluster.nodes) {
    await withRedis(port, async (client) => {
      for (const user of users) {
        const value = encodePreferences({ asOf: 700, readAt: 1_700_000_000, optedOut: ["sms"] });
        await client.set(`prefs:user-${user}`, value, "PX", 7 * 3_600_000).catch(() => undefined); // another node's slot
      }
    });
  }
  const database = new pg.Client(postgres.connection);
  await database.connect();
  await database.query("CREATE DATABASE messenger");
  await database.end();
  const messenger = new pg.Client({ ...postgres.connection, database: "messenger" });
  await messenger.connect();
  await messenger.query(`
    CREATE TABLE unrelated (id int PRIMARY KEY, name text);
    CREATE SCHEMA chat;
    CREATE TABLE chat.messages (chat_id text, seq bigint, created_at timestamptz NOT NULL);
    CREATE TABLE sent_notifications (notification_id text PRIMARY KEY, sent_at timestamptz NOT NULL);
    ${pendingDeliveriesDdl()}
    ${preferencesSchema}`);
  await messenger.end();
  bouncer = await startPgBouncer(workspace, { postgres });
  process.env.INIT_POSTGRES = postgres.password;
});

afterAll(() => workspace.close());

test("roles, topologies, keys and sizes are found on one server, behind Sentinels and in a cluster", async () => {
  const drafted = await draftConfig(
    request({
      // Any one of each group: a replica and a Sentinel of the same primary, one node of the cluster.
      redis: [at(shared.port), at(replica.port), sentinels.addresses[1] ?? "", cluster.addresses[0] ?? ""],
      redisPasswords: ["${INIT_OTHER}", "${INIT_SECRET}"],
    }),
  );
  const { roles } = read(drafted);
  const own = { topology: "standalone", address: at(shared.port), password: "${INIT_SECRET}" };
  expect(roles.registry).toEqual({ ...own, key: "live:{user_id}:entry" });
  expect(roles.rate_limit).toEqual(own);
  expect(roles.sequence).toEqual({ ...own, key: "seq:{{conversation_id}}" });
  expect(roles.token_bucket).toEqual(own);
  expect(roles.dedup).toEqual({
    topology: "sentinel",
    sentinels: expect.arrayContaining([...sentinels.addresses]),
    primary: "filter",
    filter: { engine: "bitmap", key: "{sent}", capacity: 20_000, error_rate: 0.005 },
  });
  expect(roles.preferences).toMatchObject({
    topology: "cluster",
    nodes: expect.arrayContaining([cluster.addresses[0]]),
  });
  expect(read(drafted).recovery).toEqual({ preferences: { entry_ttl: "7h" } });
  expect(drafted.text).toContain(
    "# One server. 40 of 117 keys that were looked at are entries of the registry.",
  );
  // What no key tells, with the lines to fill in.
  expect(drafted.text).toMatch(
    /# TODO providers\.twilio: [\s\S]*# +main: \{ limit_per_second: 100, account_sid/,
  );
  expect(drafted.todos.map(({ path }) => path)).toEqual([
    "postgres",
    "providers.acme",
    "providers.twilio",
    "prometheus",
  ]);
});

test("what was drafted is a platform that doctor can reach, whatever the topology", async () => {
  const drafted = await draftConfig(
    request({
      redis: [at(shared.port), sentinels.addresses[0] ?? "", cluster.addresses[2] ?? ""],
      redisPasswords: ["${INIT_SECRET}"],
    }),
  );
  const path = join(workspace.dir, "drafted.yaml");
  await writeFile(path, drafted.text);
  const { checks } = await diagnose({ config: path, recoveries: true });
  const reach = checks.filter(({ id }) => /^redis\..*\.(?:reach|acl.*|sentinels)$/.test(id));
  expect(reach.filter(({ status }) => status !== "ok")).toEqual([]);
  const nodes = new Map(reach.map(({ id, found }) => [id, found]));
  expect(nodes.get("redis.preferences.reach")?.match(/primary/g)).toHaveLength(3);
  expect(nodes.get("redis.dedup.reach")).toMatch(/primary.*replica/);
  expect(nodes.get("redis.dedup.sentinels")).toBe("3 Sentinels answer");
});

test("tables are found by their columns, Postgres behind PgBouncer, and Alertmanager by Prometheus", async () => {
  const known = async () => {
    const { data } = (await (await fetch(`${prometheus.url}/api/v1/alertmanagers`)).json()) as {
      data: { activeAlertmanagers: unknown[] };
    };
    return data.activeAlertmanagers.length > 0;
  };
  await waitUntil(known, { what: "Prometheus to find Alertmanager", deadlineMs: 60_000 });
  const drafted = await draftConfig(
    request({
      pgbouncer: at(bouncer.port),
      postgres: at(postgres.port),
      postgresDatabase: "messenger",
      postgresUser: "postgres",
      postgresPassword: "${INIT_POSTGRES}",
      prometheus: prometheus.url,
      redis: [at(primary.port)],
    }),
  );
  const config = read(drafted);
  expect(config.platform).toBe("messenger");
  expect(config.postgres).toEqual({
    address: at(postgres.port),
    database: "messenger",
    user: "postgres",
    password: "${INIT_POSTGRES}",
    pgbouncer: { address: at(bouncer.port), user: "postgres", password: "${INIT_POSTGRES}" },
    tables: {
      sent_notifications: { table: "sent_notifications", id_column: "notification_id" },
      pending_deliveries: {},
      preferences: {},
      messages: { table: "chat.messages", conversation_column: "chat_id", id_column: "seq" },
    },
  });
  expect(config.prometheus).toEqual({ url: prometheus.url });
  expect(config.alertmanager).toEqual({ url: alertmanagerUrl });
});

test("only what cannot be found is asked for", async () => {
  const asked: string[] = [];
  const answers: readonly (readonly [RegExp, string])[] = [
    [/^Redis servers/, at(shared.port)],
    [/wants a password/, "${INIT_SECRET}"],
    [/^Preferences cache/, at(primary.port)],
    [/^Short name/, "asked"],
  ];
  const drafted = await draftConfig(
    request({
      ask: async (question, suggestion = "") => {
        asked.push(question);
        return answers.find(([pattern]) => pattern.test(question))?.[1] ?? suggestion;
      },
    }),
  );
  const { platform, roles } = read(drafted);
  expect(platform).toBe("asked");
  // The filter turned up on the server that was named for the preferences.
  expect(Object.keys(roles).sort()).toEqual([
    "dedup",
    "preferences",
    "rate_limit",
    "registry",
    "sequence",
    "token_bucket",
  ]);
  expect(roles.preferences).toEqual({ topology: "standalone", address: at(primary.port) });
  expect(asked.filter((question) => /no key says/.test(question))).toEqual([
    expect.stringContaining("(preferences)"),
  ]);
});

test("a server that is gone, one that hangs and one that wants another password become TODOs", async () => {
  const hung = await startRedis(workspace, { name: "hung" });
  hung.pause();
  const closed = await workspace.port();
  const drafted = await draftConfig(
    request({
      redis: [at(hung.port), at(closed), at(shared.port), cluster.addresses[0] ?? ""],
      redisPasswords: ["${INIT_OTHER}"],
      postgres: at(closed),
      prometheus: `http://${at(closed)}`,
    }),
  );
  await hung.kill();
  expect(Object.keys(read(drafted).roles)).toEqual(["preferences"]);
  const whats = drafted.todos.map(({ what }) => what).join("\n");
  for (const each of [`${at(hung.port)} did not answer`, at(closed), at(shared.port), "Prometheus at"])
    expect(whats).toContain(each);
});

test("nothing is drafted where nothing answers and nobody can be asked", async () => {
  const nobody = at(await workspace.port());
  const lost = draftConfig(request({ redis: [nobody], postgres: nobody }));
  await expect(lost).rejects.toMatchObject({
    code: "INIT_NOTHING_FOUND",
    message: expect.stringContaining(nobody),
  });
});

test("a user that may look and nothing else is enough, and a role whose keys are gone is named by --role", async () => {
  const client = new Redis({ port: shared.port, password: secret });
  const rules = "-@all %R~* +info +scan +dbsize +type +pttl +getrange +hmget".split(" ");
  await client.call("ACL", "SETUSER", "looker", "on", `>${secret}`, ...rules);
  const before = await client.dbsize();
  const drafted = await draftConfig(
    request({
      redis: [at(shared.port)],
      redisUsername: "looker",
      redisPasswords: ["${INIT_SECRET}"],
      roles: new Map([
        ["dedup", at(shared.port)],
        ["preferences", at(shared.port)],
      ]),
    }),
  );
  expect(await client.dbsize()).toBe(before);
  client.disconnect();
  const { roles } = read(drafted);
  expect(roles.registry).toMatchObject({ username: "looker", key: "live:{user_id}:entry" });
  expect(roles.preferences).toMatchObject({ topology: "standalone" });
  // Nobody knows how large the filter is to be.
  expect(roles.dedup).toBeUndefined();
  expect(drafted.text).toContain("#       filter: { engine: bitmap, capacity: 200000000 }");
});
