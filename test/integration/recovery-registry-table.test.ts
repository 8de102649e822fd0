import { Redis } from "ioredis";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parseEntry } from "../../core/registry/entry.ts";
import { type PostgresServer, startPostgres } from "../../lab/servers/postgres.ts";
import { startRedis } from "../../lab/servers/redis.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { registry } from "../../recovery/registry/registry.ts";
import { registryContext, runWith, SharedParts } from "../fixtures/registry-recovery.ts";

let workspace: Workspace;
let postgres: PostgresServer;
let admin: pg.Client;
let redis: Redis;
let redisPort: number;

beforeAll(async () => {
  workspace = await createWorkspace("recovery-registry-table");
  postgres = await startPostgres(workspace);
  admin = new pg.Client(postgres.connection);
  await admin.connect();
  redisPort = (await startRedis(workspace, { name: "registry" })).port;
  redis = new Redis(redisPort);
  process.env.REGISTRY_TABLE_PASSWORD = postgres.password;
});
beforeEach(async () => {
  await redis.flushall();
  await admin.query("DROP TABLE IF EXISTS connections");
});
afterAll(async () => {
  redis?.disconnect();
  await admin?.end();
  await workspace?.close();
});

const columns = `user_id text PRIMARY KEY, server_id text NOT NULL, connection_id text NOT NULL,
  connected_at timestamptz NOT NULL, disconnected_at timestamptz`;

const platform = () =>
  registryContext({
    roles: { registry: { topology: "standalone", address: `127.0.0.1:${redisPort}` } },
    postgres: {
      address: `127.0.0.1:${postgres.port}`,
      database: "postgres",
      user: postgres.user,
      password: "${REGISTRY_TABLE_PASSWORD}",
      tables: { connections: {} },
    },
  });

const idOf = async (user: string) =>
  parseEntry((await redis.get(`conn:${user}`)) ?? "")?.connectionId ?? null;
const insert = (user: string, id: string, ended = false, at = "now() - interval '1 minute'") =>
  admin.query(
    `INSERT INTO connections VALUES ($1, 'server-1', $2, ${at}, ${ended ? "now()" : "NULL"})
     ON CONFLICT (user_id) DO UPDATE SET connection_id = $2, connected_at = excluded.connected_at,
       disconnected_at = excluded.disconnected_at`,
    [user, id],
  );

describe("recover registry from Postgres", () => {
  it("enters the connections that last, and what changed meanwhile", async () => {
    await admin.query(`CREATE TABLE connections (${columns})`);
    await admin.query(
      `INSERT INTO connections SELECT 'user-' || n, 'server-1', 'c-' || n, now() - interval '1 hour',
         CASE WHEN n % 4 = 0 THEN now() END FROM generate_series(1, 30000) n`,
    );
    await insert("long-ago", "c1", false, "now() - interval '8 days'");
    await insert("white-space", "c 1");
    await insert("exact", "c1", false, "to_timestamp(1) + (now() - to_timestamp(1)) - interval '1 minute'");
    await insert("ends", "c1");
    const { context, warnings } = platform();
    const plan = await registry.plan(context);
    expect(plan).toMatchObject({ hasChanges: true, details: { kind: "postgres" } });

    let paced = 0;
    const live = async () => {
      if (paced++ > 0) return;
      // Later in the table than any page that was there, and one that is read already.
      await insert("ends", "c1", true);
      await insert("comes", "c1", false, "now()");
      await redis.set("conn:user-1", `1 ${Date.now()} c-live server-2 direct 1`);
    };
    await registry.execute(context, plan, runWith(new SharedParts(), live));
    expect(await redis.dbsize()).toBe(22_500 + 2);
    expect(await Promise.all(["user-2", "user-4", "user-1", "ends", "comes", "exact"].map(idOf))).toEqual([
      "c-2",
      null,
      "c-live",
      null,
      "c1",
      "c1",
    ]);
    const { rows } = await admin.query<{ ms: string }>(
      "SELECT trunc(extract(epoch FROM connected_at) * 1000) AS ms FROM connections WHERE user_id = 'exact'",
    );
    expect(parseEntry((await redis.get("conn:exact")) ?? "")?.connectedAtMs).toBe(Number(rows[0]?.ms));
    expect(warnings.join()).toContain("1 row of connections");

    expect(await registry.verify(context, plan)).toMatchObject({
      holds: true,
      figures: { users_missing: 0 },
    });
    await redis.flushall();
    expect(await registry.verify(context, plan)).toMatchObject({ holds: false });
  });

  it("reads a partitioned table, whose parts two processes share", async () => {
    await admin.query(`CREATE TABLE connections (${columns}) PARTITION BY HASH (user_id)`);
    for (const rest of [0, 1, 2]) {
      await admin.query(
        `CREATE TABLE connections_${rest} PARTITION OF connections FOR VALUES WITH (MODULUS 3, REMAINDER ${rest})`,
      );
    }
    await admin.query(
      `INSERT INTO connections SELECT 'user-' || n, 'server-1', 'c-' || n, now() FROM generate_series(1, 9000) n`,
    );
    const { context } = platform();
    const plan = await registry.plan(context);
    const parts = new SharedParts();
    await Promise.all([
      registry.execute(context, plan, runWith(parts, undefined, "a")),
      registry.work?.(context, plan, runWith(parts, undefined, "b")),
    ]);
    expect(await redis.dbsize()).toBe(9_000);
    expect(await registry.pins(context)).toContainEqual(
      expect.objectContaining({ of: "source", label: "database of Postgres" }),
    );
  });

  it("has nothing to do where the table is empty, and says when it is missing", async () => {
    const { context } = platform();
    await expect(registry.plan(context)).rejects.toMatchObject({ code: "POSTGRES_RELATION_MISSING" });
    await admin.query(`CREATE TABLE connections (${columns})`);
    expect(await registry.plan(context)).toMatchObject({ hasChanges: false });
  });
});
