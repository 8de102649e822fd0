import { writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { inspect } from "node:util";
import type { Client } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Secret } from "../../core/config/secret.ts";
import { connectPostgres } from "../../core/postgres/connect.ts";
import { startRedis } from "../../lab/servers/redis.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { startStallingProxy } from "../fixtures/stalling-proxy.ts";
import { type Database, startDatabase } from "./exporter-database.ts";
import { type ExporterUnderTest, secretFile, startExporter } from "./exporter-harness.ts";
import type { MetricsPage } from "./exporter-page.ts";

let workspace: Workspace;
let database: Database;
const clients: Client[] = [];

beforeAll(async () => {
  workspace = await createWorkspace("exporter");
  database = await startDatabase(workspace, { maxConnections: 40 });
});

beforeEach(async () => {
  await database.admin.query("TRUNCATE notifications, pending_deliveries");
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end()));
});

afterAll(async () => {
  await workspace.close();
});

async function open(...login: Parameters<Database["connect"]>): Promise<Client> {
  const client = await database.connect(...login);
  clients.push(client);
  return client;
}

const exporterOf = (postgres: object, more: object = {}) => startExporter(workspace, { postgres, ...more });

/** Expects a failure of Postgres on the page and in the probe's error. */
async function expectPostgresError(
  exporter: ExporterUnderTest,
  expected: { errorClass: string; code: string; says: readonly string[]; secret?: string },
): Promise<MetricsPage> {
  const page = await exporter.scrape();
  expect(page.verdict("postgres")).toBe(expected.errorClass);
  expect(page.value("redisops_probe_success", { probe: "postgres" })).toBe(0);
  expect(page.all("redisops_postgres_connections")).toEqual([]);
  const { error } = await exporter.result("postgres", "postgres");
  expect(error?.code).toBe(expected.code);
  for (const words of ["Postgres postgres at 127.0.0.1:", ...expected.says]) {
    expect(error?.message).toContain(words);
  }
  expect(error?.next).toMatch(/\S.*\.$/);
  const shown = [page.text, JSON.stringify(error), inspect(error, { depth: 9 }), ...exporter.log].join("\n");
  expect(shown).not.toContain(expected.secret ?? database.server.password);
  return page;
}

describe("the Postgres probe", { timeout: patience }, () => {
  it("counts connections by state and tells the limit of ordinary users", async () => {
    const exporter = await exporterOf(database.section({ tables: {} }));
    const count = (page: MetricsPage, state: string) =>
      page.value("redisops_postgres_connections", { role: "postgres", state }) ?? Number.NaN;
    // Connections of earlier scrapes, and workers of Postgres's own, may still be on their way out.
    const until = (idle: number, idleInTransaction: number) =>
      exporter.scrapeUntil(`${idle} idle sessions and ${idleInTransaction} in a transaction`, (page) => {
        const counts = ["idle", "idle_in_transaction", "active", "other"].map((state) => count(page, state));
        return counts.join() === [idle, idleInTransaction, 1, 0].join(); // the probe itself is active
      });
    expect((await until(1, 0)).verdict("postgres")).toBe("up");

    for (let n = 0; n < 5; n++) await open();
    const busy = await open();
    await busy.query("BEGIN");
    const page = await until(1 + 5, 1);
    expect(page.value("redisops_postgres_connections_limit", { role: "postgres" })).toBe(40 - 3);
    await busy.query("ROLLBACK");
  });

  it("counts the sessions that wait for a lock", async () => {
    const exporter = await exporterOf(database.section({ tables: {} }));
    const waiters = (page: MetricsPage) => page.value("redisops_postgres_lock_waiters", { role: "postgres" });
    expect(waiters(await exporter.scrape())).toBe(0);
    const holder = await open();
    await holder.query("BEGIN; LOCK TABLE notifications IN ACCESS EXCLUSIVE MODE");
    const blocked = await Promise.all([open(), open()]);
    const answers = blocked.map((client) => client.query("SELECT 1 FROM notifications"));
    await exporter.scrapeUntil("both to be counted", (page) => waiters(page) === 2);
    await holder.query("ROLLBACK");
    await Promise.all(answers);
    expect(waiters(await exporter.scrape())).toBe(0);
  });

  it("tells since when the oldest transaction is open, and what its session does", async () => {
    const exporter = await exporterOf(database.section({ tables: {} }));
    const oldest = (page: MetricsPage, state: string) =>
      page.value("redisops_postgres_oldest_transaction_timestamp_seconds", { role: "postgres", state });
    expect(oldest(await exporter.scrape(), "idle_in_transaction")).toBeUndefined();
    const [first, second, sleeper] = await Promise.all([open(), open(), open()]);
    const begin = async (client: Client | undefined) => {
      await client?.query("BEGIN");
      const answer = await client?.query<{ began: number }>(
        "SELECT extract(epoch FROM now())::float8 AS began",
      );
      return answer?.rows[0]?.began ?? Number.NaN;
    };
    const began = await begin(first);
    await begin(second);
    const sleeping = sleeper?.query("SELECT pg_sleep(60)").catch(() => undefined);
    const page = await exporter.scrapeUntil("the sleeper", (each) => oldest(each, "active") !== undefined);
    // Of the two that are idle the first one began earlier.
    expect(oldest(page, "idle_in_transaction")).toBeCloseTo(began, 3);
    expect(oldest(page, "active")).toBeGreaterThan(began);
    expect(oldest(page, "idle")).toBeUndefined();
    await database.admin.query(
      "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)'",
    );
    await sleeping;
    await Promise.all([first?.query("ROLLBACK"), second?.query("ROLLBACK")]);
    const after = await exporter.scrape();
    expect(after.all("redisops_postgres_oldest_transaction_timestamp_seconds")).toEqual([]);
  });

  it("says what is hidden from it without pg_monitor, and claims nothing about that", async () => {
    await database.admin.query("CREATE ROLE modest LOGIN PASSWORD 'modest'");
    const password = await secretFile(workspace, "modest");
    const exporter = await exporterOf(database.section({ user: "modest", password, tables: {} }));
    const holder = await open();
    await holder.query("BEGIN; LOCK TABLE notifications IN ACCESS EXCLUSIVE MODE");
    const blocked = await open();
    const answer = blocked.query("SELECT 1 FROM notifications");
    // Its own role's sessions hide nothing; that one of them has a transaction open says nothing of the oldest one.
    await (await open("modest", "modest")).query("BEGIN");
    const hidden = (page: MetricsPage) => page.value("redisops_postgres_hidden_sessions");
    const oldest = (page: MetricsPage) => page.all("redisops_postgres_oldest_transaction_timestamp_seconds");
    const modest = await exporter.scrapeUntil(
      "the lock to be waited for",
      (page) => page.value("redisops_postgres_lock_waiters") === 1,
    );
    expect(modest.verdict("postgres")).toBe("up");
    expect(hidden(modest)).toBe(3); // the test's own connection, the holder and the blocked one
    expect(oldest(modest)).toEqual([]);
    expect(modest.value("redisops_postgres_connections", { state: "other" })).toBe(3);

    await database.admin.query("GRANT pg_monitor TO modest");
    const informed = await exporter.scrapeUntil(
      "a transaction of a second",
      (page) => oldest(page).length > 0,
    );
    expect(hidden(informed)).toBe(0);
    expect(informed.value("redisops_postgres_connections", { state: "idle_in_transaction" })).toBe(2);
    await holder.query("ROLLBACK");
    await answer;
  });

  it("takes no autovacuum worker for a connection that hides something", async () => {
    await database.admin.query("CREATE ROLE onlooker LOGIN PASSWORD 'onlooker'");
    const password = await secretFile(workspace, "onlooker");
    const exporter = await exporterOf(database.section({ user: "onlooker", password, tables: {} }));
    // One that crawls, so that it is still there when it is to be counted.
    for (const setting of ["naptime = '1s'", "vacuum_cost_delay = '100ms'", "vacuum_cost_limit = 1"])
      await database.admin.query(`ALTER SYSTEM SET autovacuum_${setting}`);
    await database.admin.query("SELECT pg_reload_conf()");
    try {
      await database.admin.query("CREATE TABLE churned AS SELECT n FROM generate_series(1, 200000) AS n");
      await database.admin.query("DELETE FROM churned");
      await waitUntil(
        async () => (await database.admin.query("SELECT 1 FROM pg_stat_progress_vacuum")).rowCount === 1,
        { what: "an autovacuum worker at work", deadlineMs: patience },
      );
      const page = await exporter.scrape();
      const atWork = await database.admin.query("SELECT 1 FROM pg_stat_progress_vacuum");
      expect(atWork.rowCount).toBeGreaterThan(0);
      expect(page.value("redisops_postgres_hidden_sessions")).toBe(1); // the test's own connection
      expect(page.value("redisops_postgres_connections", { state: "other" })).toBe(1);
    } finally {
      await database.admin.query("ALTER SYSTEM RESET ALL");
      await database.admin.query("SELECT pg_reload_conf()");
      await database.admin.query("DROP TABLE IF EXISTS churned");
    }
  });

  it("is refused when nothing listens", async () => {
    const port = await workspace.port();
    const exporter = await exporterOf(database.section({ address: `127.0.0.1:${port}` }));
    await expectPostgresError(exporter, {
      errorClass: "refused",
      code: "POSTGRES_REFUSED",
      says: [`:${port}`, "ECONNREFUSED"],
    });
  });

  it("is a timeout when the server hangs, within Prometheus's own timeout, and up again afterwards", async () => {
    const redis = await startRedis(workspace, { name: "redis" });
    const exporter = await exporterOf(database.section(), {
      roles: { registry: { topology: "standalone", address: `127.0.0.1:${redis.port}` } },
    });
    database.server.pause();
    try {
      const brief = await exporter.scrape(1);
      expect(brief.verdict("postgres")).toBe("timeout");
      expect(brief.verdict("registry")).toBe("up");
      await expectPostgresError(exporter, { errorClass: "timeout", code: "POSTGRES_TIMEOUT", says: [] });
      const pending = await exporter.result("pending_deliveries", "pending_deliveries");
      expect(pending.error?.code).toBe("POSTGRES_TIMEOUT");
    } finally {
      database.server.resume();
    }
    await exporter.scrapeUntil("Postgres to be up", (page) => page.verdict("postgres") === "up");
  });

  it("is a timeout when the server falls silent in the middle", async () => {
    const settings = { address: `127.0.0.1:${database.server.port}`, database: "postgres", tables: {} };
    const { user } = database.server;
    const timeouts = { connect: patience, statement: patience };
    const asConfigured = { ...settings, user, password: new Secret(database.password), tables: {} };
    const { client, close } = await connectPostgres(asConfigured, timeouts);
    const untilReady = client.connection.stream as Socket;
    const proxy = await startStallingProxy(workspace, database.server.port, untilReady.bytesWritten + 1);
    await close();
    const exporter = await exporterOf(database.section({ address: proxy.address, tables: {} }));
    await expectPostgresError(exporter, {
      errorClass: "timeout",
      code: "POSTGRES_TIMEOUT",
      says: ["did not answer before the deadline"],
    });
  });

  it("is auth when the password is wrong, until the right one is in the secret's file", async () => {
    const wrong = "a-wrong-password";
    const password = await secretFile(workspace, wrong);
    const exporter = await exporterOf(database.section({ password, tables: {} }));
    await expectPostgresError(exporter, {
      errorClass: "auth",
      code: "POSTGRES_AUTH",
      says: ["password authentication failed"],
      secret: wrong,
    });
    await writeFile(password.slice("file:".length), database.server.password);
    await exporter.scrapeUntil("Postgres to be up", (page) => page.verdict("postgres") === "up");
  });

  it("is auth when the password is missing", async () => {
    const { password: _, ...section } = database.section({ tables: {} });
    const exporter = await exporterOf(section);
    await expectPostgresError(exporter, { errorClass: "auth", code: "POSTGRES_AUTH", says: ["password"] });
  });

  it("is exhausted when all connections are taken, and counts them with a reserved one", async () => {
    const narrow = await startDatabase(workspace, {
      name: "narrow",
      maxConnections: 8,
      settings: { superuser_reserved_connections: 2, reserved_connections: 2 },
    });
    await narrow.admin.query(
      "CREATE ROLE worker LOGIN PASSWORD 'worker'; CREATE ROLE redisops LOGIN PASSWORD 'redisops'",
    );
    const password = await secretFile(workspace, "redisops");
    const exporter = await exporterOf(narrow.section({ user: "redisops", password, tables: {} }));
    const refused = (page: MetricsPage) => page.value("redisops_postgres_connections_refused");
    expect(refused(await exporter.scrape())).toBe(0);
    await narrow.untilLeft();
    for (let n = 0; n < 3; n++) clients.push(await narrow.connect("worker", "worker"));
    const page = await expectPostgresError(exporter, {
      errorClass: "exhausted",
      code: "POSTGRES_CONNECTIONS_EXHAUSTED",
      says: ["reserved"],
      secret: narrow.server.password,
    });
    expect(refused(page)).toBe(1);

    await narrow.admin.query("GRANT pg_use_reserved_connections TO redisops");
    const connections = (now: MetricsPage) =>
      now.all("redisops_postgres_connections").reduce((sum, { value }) => sum + value, 0);
    // The connection that was refused may not be gone yet.
    const counted = await exporter.scrapeUntil("five sessions", (now) => connections(now) === 5);
    expect(counted.verdict("postgres")).toBe("up");
    expect(refused(counted)).toBe(0);
  });

  it("names a TLS file of the configuration that cannot be read", async () => {
    const exporter = await exporterOf(database.section({ tables: {}, tls: { ca_file: "/no/such/ca.pem" } }));
    const page = await exporter.scrape();
    expect(page.value("redisops_probe_success", { probe: "postgres" })).toBe(0);
    expect(page.all("redisops_role_up")).toEqual([]);
    const { error } = await exporter.result("postgres", "postgres");
    expect(error?.code).toBe("SECRET_UNRESOLVED");
    expect(error?.message).toContain("/no/such/ca.pem");
  });

  it("is exhausted when its own user may not open another connection", async () => {
    await database.admin.query("CREATE ROLE limited LOGIN PASSWORD 'limited' CONNECTION LIMIT 1");
    await open("limited", "limited");
    const password = await secretFile(workspace, "limited");
    const exporter = await exporterOf(database.section({ user: "limited", password, tables: {} }));
    await expectPostgresError(exporter, {
      errorClass: "exhausted",
      code: "POSTGRES_CONNECTIONS_EXHAUSTED",
      says: ["too many connections"],
    });
  });

  it("needs no more than to read the two tables", async () => {
    await database.admin.query(
      `CREATE ROLE reader LOGIN PASSWORD 'reader';
       REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO reader;
       GRANT SELECT ON notifications, pending_deliveries TO reader`,
    );
    await database.send(50);
    const redis = await startRedis(workspace, { name: "redis" });
    const address = `127.0.0.1:${redis.port}`;
    const password = await secretFile(workspace, "reader");
    const exporter = await exporterOf(database.section({ user: "reader", password }), {
      roles: {
        registry: { topology: "standalone", address },
        dedup: { topology: "standalone", address, filter: { engine: "bitmap", capacity: 1000 } },
      },
    });
    const idle = await open();
    const page = await exporter.scrape();
    for (const { labels, value } of page.all("redisops_probe_success"))
      expect({ ...labels, value }).toMatchObject({ value: 1 });
    expect(page.value("redisops_postgres_connections", { state: "other" })).toBeGreaterThanOrEqual(2);
    expect(page.value("redisops_bloom_canary_ids")).toBeGreaterThan(20);
    await idle.query("SELECT 1");
  });

  it("names the table that is missing, and the privilege", async () => {
    // Its name is to be taken for no timeout.
    const missing = { pending_deliveries: { table: "no_such_timeout" } };
    const exporter = await exporterOf(database.section({ tables: missing }));
    const page = await exporter.scrape();
    expect(page.verdict("postgres")).toBe("up");
    expect(page.value("redisops_probe_success", { probe: "pending_deliveries" })).toBe(0);
    const { error } = await exporter.result("pending_deliveries", "pending_deliveries");
    expect(error?.code).toBe("POSTGRES_RELATION_MISSING");
    expect(error?.message).toContain("no_such_timeout");
    expect(error?.next).toContain("postgres.tables");

    await database.admin.query(
      "CREATE ROLE stranger LOGIN PASSWORD 'stranger'; GRANT USAGE ON SCHEMA public TO stranger",
    );
    const password = await secretFile(workspace, "stranger");
    const stranger = await exporterOf(database.section({ user: "stranger", password }));
    const denied = await stranger.result("pending_deliveries", "pending_deliveries");
    expect(denied.error?.code).toBe("POSTGRES_AUTH");
    expect(denied.error?.message).toContain("permission denied for table pending_deliveries");
  });

  it("ends a query that takes too long at the statement timeout", async () => {
    const locker = await open();
    await locker.query("BEGIN; LOCK TABLE pending_deliveries IN ACCESS EXCLUSIVE MODE");
    const exporter = await exporterOf(database.section(), { exporter: { probe_timeout: "1s" } });
    const page = await exporter.scrape();
    expect(page.verdict("postgres")).toBe("up");
    expect(page.all("redisops_pending_deliveries")).toEqual([]);
    const { error } = await exporter.result("pending_deliveries", "pending_deliveries");
    expect(error?.code).toBe("POSTGRES_TIMEOUT");
    await database.untilLeft();
    await locker.query("ROLLBACK");
    expect((await exporter.scrape()).value("redisops_pending_deliveries")).toBe(0);
  });
});
