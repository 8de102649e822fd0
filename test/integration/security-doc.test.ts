import { readFileSync } from "node:fs";
import { Redis } from "ioredis";
import pg from "pg";
import { Registry } from "prom-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RecoveryName } from "../../catalog/recoveries.ts";
import { parseConfig } from "../../core/config/load.ts";
import { Secret } from "../../core/config/secret.ts";
import { auditExposures } from "../../core/exposures/audit.ts";
import { pendingDeliveriesDdl } from "../../core/pending-deliveries/table.ts";
import { connectPostgres } from "../../core/postgres/connect.ts";
import { defaultPreferenceTables, preferencesSchema } from "../../core/preferences/schema.ts";
import { Probes } from "../../exporters/probes.ts";
import { PreferencesClient } from "../../fallbacks/preferences/preferences-client.ts";
import { ProviderClient } from "../../fallbacks/providers/provider-client.ts";
import { type PgBouncerServer, startPgBouncer } from "../../lab/servers/pgbouncer.ts";
import { type PostgresServer, startPostgres } from "../../lab/servers/postgres.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { startRedisCluster } from "../../lab/servers/redis-cluster.ts";
import { startReplica } from "../../lab/servers/redis-replica.ts";
import { startSentinel } from "../../lab/servers/sentinel.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { executePlan, preparePlan } from "../../recovery/engine.ts";
import { ownOptions } from "../../recovery/own-options.ts";
import { loadRecovery } from "../../recovery/recoveries.ts";

const document = readFileSync(new URL("../../docs/security.md", import.meta.url), "utf8");
const rows = new Map(
  [...document.matchAll(/^\| ([^|`]+?) +\| `(.+)` +\|$/gm)].map(([, user = "", rules = ""]) => [
    user,
    rules.replaceAll("\\|", "|").split(" "),
  ]),
);
const grants = [...document.matchAll(/^(CREATE ROLE|CREATE SCHEMA|GRANT) .+;/gm)].map(
  ([statement]) => statement,
);

let workspace: Workspace;
let postgres: PostgresServer;
let redis: RedisServer;
let bouncer: PgBouncerServer;
let admin: Redis;

beforeAll(async () => {
  workspace = await createWorkspace("security-doc");
  [postgres, redis] = await Promise.all([startPostgres(workspace), startRedis(workspace, { name: "redis" })]);
  admin = new Redis({ host: "127.0.0.1", port: redis.port, protocol: 2 });
  const database = new pg.Client(postgres.connection);
  await database.connect();
  await database.query(`
    CREATE TABLE notifications (id text PRIMARY KEY, sent_at timestamptz NOT NULL);
    CREATE INDEX ON notifications (sent_at);
    CREATE TABLE messages (conversation_id text, message_id text, created_at timestamptz NOT NULL);
    CREATE INDEX ON messages (created_at);
    CREATE INDEX ON messages (conversation_id, created_at);
    INSERT INTO messages SELECT 'c1', n::text, now() - n * interval '1 second' FROM generate_series(1, 9) AS n;
    CREATE TABLE sends (notification_id text, channel text, sent_at timestamptz NOT NULL);
    CREATE TABLE connections (user_id text PRIMARY KEY, server_id text, connection_id text,
      connected_at timestamptz NOT NULL, disconnected_at timestamptz);
    INSERT INTO connections VALUES ('u1', 's1', 'k1', now()), ('u2', 's1', 'k2', now());
    ${pendingDeliveriesDdl()}
    INSERT INTO notifications SELECT 'n' || n, now() - interval '1 hour' FROM generate_series(1, 1000) AS n;
    INSERT INTO pending_deliveries (message_id, user_id, conversation_id, body, created_at)
      VALUES ('m1', 'u1', 'c1', 'x', now() - interval '1 hour');`);
  await database.query(preferencesSchema);
  for (const statement of grants) await database.query(statement);
  await database.query(`
    INSERT INTO preferences (user_id, channel, opted_out) VALUES ('probed', 'sms', true);
    UPDATE preference_changes SET changed_at = now() - interval '1 minute'`);
  await database.query("ALTER ROLE redisops PASSWORD 'postgres-secret'");
  await database.query("ALTER ROLE worker PASSWORD 'postgres-secret'");
  await database.end();
  bouncer = await startPgBouncer(workspace, {
    postgres,
    users: { redisops: "postgres-secret" },
    settings: Object.fromEntries(
      [...document.matchAll(/^(stats_users) = (\w+)$/gm)].map(([, key = "", value = ""]) => [key, value]),
    ),
  });
  process.env.SECURITY_DOC_POSTGRES = "postgres-secret";
  process.env.SECURITY_DOC_REDIS = "redis-secret";
});

afterAll(async () => {
  admin.disconnect();
  await workspace.close();
});

/** The documented rules; a row that is not in the document fails. */
function rulesOf(...users: string[]): string[] {
  return users.flatMap((user) => {
    const found = rows.get(user);
    if (found === undefined) throw new Error(`docs/security.md has no rules for "${user}"`);
    return found;
  });
}

/** Creates a Redis user with the documented rules. */
async function createUser(name: string, ...users: string[]): Promise<void> {
  const rules = rulesOf(...users);
  await admin.call("ACL", "SETUSER", name, "reset", "on", ">redis-secret", ...rules);
}

function configure(username: string) {
  const role = {
    topology: "standalone",
    address: `127.0.0.1:${redis.port}`,
    username,
    password: "${SECURITY_DOC_REDIS}",
  };
  const filter = { engine: "bitmap", key: "{dedup}", capacity: 10_000 };
  return parseConfig(
    JSON.stringify({
      platform: "documented",
      roles: {
        registry: role,
        rate_limit: role,
        sequence: role,
        preferences: role,
        dedup: { ...role, filter },
        token_bucket: role,
      },
      postgres: {
        address: `127.0.0.1:${postgres.port}`,
        database: "postgres",
        user: "redisops",
        password: "${SECURITY_DOC_POSTGRES}",
        pgbouncer: {
          address: `127.0.0.1:${bouncer.port}`,
          user: "redisops",
          password: "${SECURITY_DOC_POSTGRES}",
        },
        tables: {
          sent_notifications: {},
          pending_deliveries: {},
          preferences: {},
          messages: {},
          connections: {},
        },
      },
      recovery: {
        pending: {
          delivery: {
            kind: "redis_stream",
            address: `127.0.0.1:${redis.port}`,
            username: "streaming",
            password: "${SECURITY_DOC_REDIS}",
          },
        },
      },
      providers: {
        twilio: {
          kind: "twilio",
          base_url: "http://127.0.0.1:9",
          probe: false,
          accounts: {
            main: { limit_per_second: 10, account_sid: "AC1", auth_token: "${SECURITY_DOC_REDIS}" },
          },
        },
      },
      state_dir: workspace.dir,
    }),
    "documented",
  );
}

function postgresOf(username: string) {
  const { postgres: section } = configure(username);
  if (section === undefined) throw new Error("no postgres section");
  return section;
}

it("probes with the documented rules and grants", async () => {
  await createUser(
    "probing",
    "probing, every role",
    "probing, registry",
    "probing, rate_limit",
    "probing, sequence",
    "probing, dedup with engine bitmap",
    "probing, preferences",
    "probing, token_bucket",
  );
  await admin.set("prefs:probed", "[9007199254740991,0]");
  const results = await new Probes(configure("probing")).run();
  const failures = results.filter(({ probe, error }) => probe.name !== "provider" && error !== undefined);
  expect(failures.map(({ probe, error }) => `${probe.name}: ${error?.message}`)).toEqual([]);
  // Contradicted by the entry, so that every statement of the probe is made.
  const judged = results.flatMap(({ samples }) => samples).filter(({ labels }) => labels.state === "stale");
  expect(judged.map(({ value }) => value)).toEqual([1]);
  expect(results.map(({ probe }) => probe.name)).toContain("bloom");
});

it.each(["registry", "rate_limit", "sequence"])(
  "probes %s with nothing more than it needs: without any one of its commands something fails",
  async (role) => {
    // What these probes look at besides their canaries, so that every command is used; persistent ones of each role.
    await admin.mset({ "conn:u1": "1", "rate:u1": "1", "seq:c1": "9" });
    const [every, own] = [rulesOf("probing, every role"), rulesOf(`probing, ${role}`)];
    const probed = async (rules: readonly string[]) => {
      await admin.call("ACL", "SETUSER", "minimal", "reset", "on", ">redis-secret", ...rules);
      const group = new Probes(configure("minimal"));
      const results = await group.runGroup(role, 10_000);
      return results
        .filter(({ error }) => error !== undefined)
        .map(({ probe, error }) => `${probe.name}: ${error?.message}`);
    };
    expect(await probed([...every, ...own])).toEqual([]);
    for (const left of own) {
      // The server knows no script any more, so that both ways to run one are needed.
      await admin.script("FLUSH");
      const failures = await probed([...every, ...own.filter((rule) => rule !== left)]);
      expect(failures.length, `without ${left}`).toBeGreaterThan(0);
    }
    await admin.del("conn:u1", "rate:u1", "seq:c1");
  },
);

it.each<[RecoveryName, string]>([
  ["bloom", "recover bloom, engine bitmap"],
  ["token-buckets", "recover token-buckets"],
])("recovers %s with the documented rules and grants", async (name, user) => {
  await createUser("recovering", user);
  await admin.hset("bucket:twilio:main", "tokens", "0", "updated_ms", "9999999999999");
  const warnings: string[] = [];
  const context = {
    config: configure("recovering"),
    options: { ...ownOptions(name, {}), settle: 0 } as never,
    signal: new AbortController().signal,
    onProgress: () => undefined,
    onStepEnd: () => undefined,
    onWarning: (message: string) => void warnings.push(message),
  };
  // Twice: the second time there is a live filter to merge.
  for (const _ of [1, 2]) {
    const { plan } = await preparePlan(await loadRecovery(name), context);
    const { verification } = await executePlan(await loadRecovery(name), context, plan);
    expect(verification.holds).toBe(true);
  }
  // Nobody granted more than a schema of its own: without it no run would be written down.
  expect(warnings).toEqual([]);
  const connection = await connectPostgres(postgresOf("probing"), { connect: 5_000, statement: 5_000 });
  const { rows } = await connection.client.query(
    "SELECT DISTINCT name, state FROM redisops.redisops_runs WHERE name = $1",
    [name],
  );
  await connection.client.query("ALTER TABLE redisops.redisops_runs RENAME TO kept");
  await connection.client.query("REVOKE CREATE ON SCHEMA redisops FROM redisops");
  const { plan } = await preparePlan(await loadRecovery(name), context);
  await executePlan(await loadRecovery(name), context, plan);
  await connection.client.query("GRANT CREATE ON SCHEMA redisops TO redisops");
  await connection.client.query("ALTER TABLE redisops.kept RENAME TO redisops_runs");
  await connection.close();
  expect(rows).toEqual([{ name, state: "succeeded" }]);
  expect(warnings).toEqual([
    expect.stringMatching(/^others cannot see this run: .*permission denied for schema/),
  ]);
});

it("recovers counters, registry and waiting messages, one after the other, with the documented rules and grants", async () => {
  await admin.flushall();
  const warnings: string[] = [];
  const recover = async (name: RecoveryName, user: string) => {
    await createUser("recovering", user);
    const config = configure("recovering");
    const options = ownOptions(name, {});
    const context = {
      config,
      options: options as never,
      signal: new AbortController().signal,
      onProgress: () => undefined,
      onStepEnd: () => undefined,
      onWarning: (message: string) => void warnings.push(message),
    };
    const { plan } = await preparePlan(await loadRecovery(name), context);
    expect([name, plan.hasChanges]).toEqual([name, true]);
    const { verification } = await executePlan(await loadRecovery(name), context, plan);
    expect([name, verification.holds]).toEqual([name, true]);
  };
  await createUser("streaming", "recover pending, delivery redis_stream");
  await recover("sequence", "recover sequence");
  await recover("registry", "recover registry");
  await recover("pending", "recover pending, on the registry");
  expect(warnings).toEqual([]);
  expect((await admin.keys("*")).sort()).toEqual(["conn:u1", "conn:u2", "deliveries:s1", "seq:c1"]);
});

it("decides about preferences, moves what it decided by default, and audits it, with the documented rules and grants", async () => {
  await createUser("worker", "application, preferences");
  const database = postgresOf("probing");
  const closed = `127.0.0.1:${await workspace.port()}`;
  const secret = new Secret("${SECURITY_DOC_REDIS}");
  const directory = await workspace.folder("exposures");
  const open = (address: string, postgresAddress: string) =>
    new PreferencesClient(
      { topology: "standalone", address, username: "worker", password: secret },
      {
        deadlineMs: 5_000,
        bulkhead: { deadlineMs: 5_000 },
        postgres: { ...database, address: postgresAddress, user: "worker" },
        exposures: { directory, segmentAgeMs: 10 },
        shipMs: 20,
        metrics: new Registry(),
      },
    );
  const client = open(`127.0.0.1:${redis.port}`, database.address);
  expect(await client.ready(30_000)).toBe(true);
  await client.set({ userId: "u1", channel: "sms", optedOut: true });
  const question = { userId: "u1", channel: "sms", notificationId: "n1" };
  await waitUntil(async () => (await client.check(question)).source === "cache", {
    what: "the cache to be filled",
    deadlineMs: 30_000,
  });
  expect(await client.check(question)).toMatchObject({ optedIn: false });
  const blind = open(closed, closed);
  expect(await blind.check(question)).toMatchObject({ optedIn: true, source: "default" });
  await blind.close();
  const connection = await connectPostgres(database, { connect: 5_000, statement: 5_000 });
  const options = { tables: defaultPreferenceTables, since: 0, folders: [] };
  await waitUntil(
    async () => (await auditExposures(connection.client, options, () => undefined)).in_table === 1,
    {
      what: "the exposure to be moved",
      deadlineMs: 30_000,
    },
  );
  const found: unknown[] = [];
  await auditExposures(connection.client, options, (more) => void found.push(...more));
  expect(found).toMatchObject([{ user_id: "u1", channel: "sms", notification_id: "n1" }]);
  await connection.close();
  await client.close();
});

it("decides about preferences and takes from buckets in a Redis Cluster with the documented rules", async () => {
  const cluster = await startRedisCluster(workspace, { name: "cluster", shards: 3 });
  for (const [name, user] of [
    ["reader", "application, preferences"],
    ["sender", "application, token_bucket"],
  ] as const) {
    const rules = rulesOf(user, "application, Redis Cluster");
    for (const { port } of cluster.nodes)
      await withRedis(port, (node) =>
        node.call("ACL", "SETUSER", name, "reset", "on", ">redis-secret", ...rules),
      );
  }
  const database = postgresOf("probing");
  const metrics = new Registry();
  const connection = {
    topology: "cluster" as const,
    nodes: [...cluster.addresses],
    password: new Secret("${SECURITY_DOC_REDIS}"),
  };
  const guard = { deadlineMs: 5_000, metrics };
  const preferences = new PreferencesClient(
    { ...connection, username: "reader" },
    {
      ...guard,
      bulkhead: { deadlineMs: 5_000 },
      postgres: { ...database, user: "worker" },
      exposures: { directory: await workspace.folder("cluster-exposures") },
    },
  );
  const accounts = Array.from({ length: 9 }, (_, n) => ({ name: `a${n}`, limitPerSecond: 10 }));
  const provider = new ProviderClient(
    { ...connection, username: "sender" },
    { ...guard, provider: "twilio", accounts },
  );
  try {
    expect(await preferences.ready(30_000)).toBe(true);
    expect(await provider.ready(30_000)).toBe(true);
    for (let n = 0; n < 12; n += 1) {
      const question = { userId: `c${n}`, channel: "sms", notificationId: "n" };
      await preferences.set({ userId: question.userId, channel: "sms", optedOut: true });
      await waitUntil(async () => (await preferences.check(question)).source === "cache", {
        what: "the cache to be filled",
        deadlineMs: 30_000,
      });
      const sent = await provider.send({ priority: "high" }, async () => new Response());
      expect(sent.outcome).toBe("sent");
    }
    const text = await metrics.metrics();
    expect(text.match(/^redisops_decisions_degraded_total\{.*\} [1-9].*$/gm)).toBeNull();
    expect(text.match(/^redisops_store_failures_total\{.*\} [1-9].*$/gm)).toBeNull();
  } finally {
    provider.close();
    await preferences.close();
  }
});

describe("the servers of a role are probed with the documented rules, each of which is needed,", () => {
  const at = (port: number) => `127.0.0.1:${port}`;
  const access = { username: "probing", password: "${SECURITY_DOC_REDIS}" };
  const probing = [...rulesOf("probing, every role"), ...rulesOf("probing, CONFIG is judged (see below)")];

  /** What went wrong with a role's probes: their errors, and the rules of the contract that could not be judged. */
  async function problems(role: object): Promise<string[]> {
    const contract = { persistence: "none", min_replicas_to_write: 0 };
    const config = { platform: "documented", roles: { rate_limit: { ...access, contract, ...role } } };
    const results = await new Probes(parseConfig(JSON.stringify(config), "documented")).run();
    const own = results.filter(({ probe }) =>
      ["redis", "nodes", "sentinels", "cluster", "contract"].includes(probe.name),
    );
    const judged = own.flatMap(({ samples }) => samples.filter(({ labels }) => labels.rule !== undefined));
    return [
      ...own.flatMap(({ probe, error }) => (error === undefined ? [] : [`${probe.name}: ${error.message}`])),
      ...["persistence", "min_replicas_to_write"].filter(
        (rule) => !judged.some(({ labels }) => labels.rule === rule),
      ),
    ];
  }

  const setUser = (ports: readonly number[], name: string, rules: readonly string[]) =>
    Promise.all(
      ports.map((port) =>
        withRedis(port, (client) =>
          client.call("ACL", "SETUSER", name, "reset", "on", ">redis-secret", ...rules),
        ),
      ),
    );

  it("standalone", async () => {
    const role = { topology: "standalone", address: at(redis.port) };
    await setUser([redis.port], "probing", probing);
    expect(await problems(role)).toEqual([]);
    for (const rule of probing.filter((word) => word.startsWith("+"))) {
      await setUser(
        [redis.port],
        "probing",
        probing.filter((word) => word !== rule),
      );
      expect(await problems(role), rule).not.toEqual([]);
    }
  });

  it("behind Sentinels", async () => {
    const primary = await startRedis(workspace, { name: "primary" });
    const replica = await startReplica(workspace, primary, { name: "replica" });
    const options = { name: "sentinel", primary, primaryName: "p" };
    const sentinel = await startSentinel(workspace, options);
    await waitUntil(
      () =>
        withRedis(
          sentinel.port,
          async (client) => String(await client.call("SENTINEL", "REPLICAS", "p")) !== "",
        ),
      { what: "the Sentinel to know the replica", deadlineMs: 30_000 },
    );
    const ports = [primary.port, replica.port];
    const rules = rulesOf("on the Sentinels");
    await setUser(ports, "probing", probing);
    const allow = (words: readonly string[]) =>
      withRedis(sentinel.port, (client) => client.call("ACL", "SETUSER", "default", ...words));
    const role = {
      ...{ topology: "sentinel", sentinels: [at(sentinel.port)], primary: "p" },
      sentinel_password: "${SECURITY_DOC_REDIS}",
    };
    // The test's own way in, as the default user loses what it needs.
    await setUser([sentinel.port], "admin", ["+@all"]);
    await allow(["resetpass", ">redis-secret", ...rules]);
    expect(await problems(role)).toEqual([]);
    const control = new Redis({
      port: sentinel.port,
      username: "admin",
      password: "redis-secret",
      protocol: 2,
    });
    try {
      for (const rule of ["+sentinel|master", "+sentinel|replicas"]) {
        await control.call("ACL", "SETUSER", "default", ...rules.filter((word) => word !== rule));
        expect(await problems(role), rule).not.toEqual([]);
      }
    } finally {
      control.disconnect();
    }
  });

  it("in a Redis Cluster", async () => {
    const cluster = await startRedisCluster(workspace, { name: "probed", shards: 3, replicasPerShard: 1 });
    const ports = cluster.nodes.map(({ port }) => port);
    const rules = [...probing, ...rulesOf("probing, Redis Cluster")];
    const role = { topology: "cluster", nodes: cluster.addresses.slice(0, 1) };
    await setUser(ports, "probing", rules);
    expect(await problems(role)).toEqual([]);
    for (const rule of rulesOf("probing, Redis Cluster")) {
      await setUser(
        ports,
        "probing",
        rules.filter((word) => word !== rule),
      );
      expect(await problems(role), rule).not.toEqual([]);
    }
  });
});
