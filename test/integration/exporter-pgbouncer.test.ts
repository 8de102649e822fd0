import { inspect } from "node:util";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type PgBouncerServer, startPgBouncer } from "../../lab/servers/pgbouncer.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";
import { type Database, startDatabase } from "./exporter-database.ts";
import { type ExporterUnderTest, secretFile, startExporter } from "./exporter-harness.ts";
import type { MetricsPage } from "./exporter-page.ts";

const watcher = "watcher";
const secret = "the-watchers-secret";
/** Connections of a pool to Postgres. */
const poolSize = 2;

let workspace: Workspace;
let database: Database;
let bouncer: PgBouncerServer;
let password: string;
const clients: pg.Client[] = [];

beforeAll(async () => {
  workspace = await createWorkspace("exporter");
  database = await startDatabase(workspace);
  await database.admin.query("CREATE DATABASE other");
  bouncer = await startPgBouncer(workspace, {
    postgres: database.server,
    poolSize,
    users: { [watcher]: secret, stranger: secret },
    settings: { stats_users: watcher },
  });
  password = await secretFile(workspace, secret);
}, patience);

beforeEach(async () => {
  for (const client of clients.splice(0)) client.connection.stream.destroy();
});

afterAll(async () => {
  for (const client of clients.splice(0)) client.connection.stream.destroy();
  await workspace.close();
});

const console = (more: object = {}) => ({
  address: `127.0.0.1:${bouncer.port}`,
  user: watcher,
  password,
  ...more,
});

const exporterOf = (pgbouncer: object = console(), more: object = {}) =>
  startExporter(workspace, { postgres: database.section({ pgbouncer }), ...more });

async function open(name = "postgres"): Promise<pg.Client> {
  const client = new pg.Client({ ...bouncer.connection, database: name });
  client.on("error", () => undefined);
  clients.push(client);
  await client.connect();
  return client;
}

const up = (page: MetricsPage) => page.value("redisops_pgbouncer_up", { role: "postgres" });
const clientsOf = (page: MetricsPage, state: string) => page.value("redisops_pgbouncer_clients", { state });
const serversOf = (page: MetricsPage, state: string) => page.value("redisops_pgbouncer_servers", { state });
const maxWait = (page: MetricsPage) => page.value("redisops_pgbouncer_max_wait_seconds") ?? Number.NaN;

/** Expects that PgBouncer is not usable, that nothing is claimed of its pools, and that Postgres's own part is there. */
async function expectDown(exporter: ExporterUnderTest, says: string): Promise<void> {
  const page = await exporter.scrape();
  expect(up(page)).toBe(0);
  for (const metric of ["clients", "servers", "servers_limit", "max_wait_seconds"])
    expect(page.all(`redisops_pgbouncer_${metric}`)).toEqual([]);
  expect(page.value("redisops_probe_success", { probe: "pgbouncer" })).toBe(0);
  expect(page.verdict("postgres")).toBe("up");
  expect(page.value("redisops_postgres_connections_limit")).toBe(97);
  const { error } = await exporter.result("pgbouncer", "postgres");
  expect(error?.code).toBe("PGBOUNCER_UNAVAILABLE");
  expect(error?.message).toContain("PgBouncer at 127.0.0.1:");
  expect(error?.message).toContain(says);
  expect(error?.next).toContain("stats_users");
  const shown = [page.text, JSON.stringify(error), inspect(error, { depth: 9 }), ...exporter.log].join("\n");
  expect(shown).not.toContain(secret);
}

describe("the PgBouncer probe", { timeout: patience }, () => {
  it("shows how full the pools are, who waits and for how long", async () => {
    const exporter = await exporterOf();
    const quiet = await exporter.scrape();
    expect(up(quiet)).toBe(1);
    expect(clientsOf(quiet, "waiting")).toBe(0);
    expect(maxWait(quiet)).toBe(0);

    const busy = await Promise.all(Array.from({ length: poolSize }, () => open()));
    for (const client of busy) await client.query("BEGIN");
    const lent = await exporter.scrape();
    expect(serversOf(lent, "active")).toBe(poolSize);
    expect(clientsOf(lent, "active")).toBe(poolSize);
    expect(clientsOf(lent, "waiting")).toBe(0);
    expect(lent.value("redisops_pgbouncer_servers_limit")).toBe(poolSize);

    const waiting = await Promise.all(Array.from({ length: 3 }, () => open()));
    const answers = waiting.map((client) => client.query("SELECT 1"));
    const saturated = await exporter.scrapeUntil(
      "the third to wait",
      (page) => clientsOf(page, "waiting") === 3,
    );
    expect(serversOf(saturated, "active")).toBe(poolSize);
    const before = maxWait(saturated);
    expect(before).toBeGreaterThan(0);
    await exporter.scrapeUntil("the wait to grow past a second", (page) => maxWait(page) > 1);

    await Promise.all(busy.map((client) => client.query("COMMIT")));
    await Promise.all(answers);
    const drained = await exporter.scrape();
    expect(clientsOf(drained, "waiting")).toBe(0);
    expect(clientsOf(drained, "active")).toBe(poolSize + 3);
    expect(maxWait(drained)).toBe(0);
    const free = (serversOf(drained, "idle") ?? 0) + (serversOf(drained, "used") ?? 0);
    expect(free).toBe(poolSize);
    expect(drained.value("redisops_probe_success", { probe: "pgbouncer" })).toBe(1);
  });

  it("counts the pools of one database where it is told to", async () => {
    const [one, other] = [await exporterOf(console({ database: "other" })), await exporterOf()];
    const busy = await open("other");
    await busy.query("BEGIN");
    await (await open()).query("BEGIN");
    expect(serversOf(await one.scrape(), "active")).toBe(1);
    expect(clientsOf(await one.scrape(), "active")).toBe(1);
    const limit = "redisops_pgbouncer_servers_limit";
    // PgBouncer lists a database of its `*` entry as soon as it does not take it for idle.
    const both = await other.scrapeUntil("both databases to be listed", (page) => page.all(limit).length > 0);
    expect(serversOf(both, "active")).toBe(2);
    expect(both.value(limit)).toBe(2 * poolSize);
  });

  it("tells of a wrong password and of a user who may not look", async () => {
    const wrong = await secretFile(workspace, "a-wrong-password");
    await expectDown(await exporterOf(console({ password: wrong })), "authentication failed");
    await expectDown(await exporterOf(console({ user: "stranger" })), "not allowed");
  });

  it("is not to be taken for Postgres itself, which says what to do", async () => {
    const address = `127.0.0.1:${bouncer.port}`;
    const exporter = await startExporter(workspace, { postgres: database.section({ address, tables: {} }) });
    expect((await exporter.scrape()).verdict("postgres")).toBe("other");
    const { error } = await exporter.result("postgres", "postgres");
    expect(error?.code).toBe("POSTGRES_ERROR");
    expect(error?.message).toContain("unsupported startup parameter");
    expect(error?.next).toContain("postgres.pgbouncer");
  });

  it("answers in time while PgBouncer hangs, and tells when it is down", async () => {
    const exporter = await exporterOf(console(), { exporter: { probe_timeout: "1s" } });
    expect(up(await exporter.scrape())).toBe(1);
    bouncer.pause();
    await frozen([bouncer.pid]);
    try {
      await expectDown(exporter, "did not answer before the deadline");
    } finally {
      bouncer.resume();
    }
    await exporter.scrapeUntil("PgBouncer to answer", (page) => up(page) === 1);
    await bouncer.kill();
    await expectDown(exporter, "ECONNREFUSED");
    await bouncer.restart();
    await exporter.scrapeUntil("PgBouncer to answer", (page) => up(page) === 1);
  });

  it("answers while Postgres hangs behind it: clients wait then", async () => {
    const exporter = await exporterOf(console(), { exporter: { probe_timeout: "1s" } });
    const client = await open();
    await client.query("SELECT 1");
    database.server.pause();
    try {
      const answer = client.query("SELECT 1").catch(() => undefined);
      const page = await exporter.scrape();
      expect(page.verdict("postgres")).toBe("timeout");
      expect(up(page)).toBe(1);
      expect(clientsOf(page, "active")).toBe(1);
      expect(page.value("redisops_pgbouncer_servers_limit")).toBeGreaterThan(0);
      database.server.resume();
      await answer;
    } finally {
      database.server.resume();
    }
  });
});
