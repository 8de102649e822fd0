import { randomUUID } from "node:crypto";
import { setInterval } from "node:timers/promises";
import { Redis } from "ioredis";
import { Client } from "pg";
import { Registry } from "prom-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ErrorClass } from "../../catalog/error-class.ts";
import { Secret } from "../../core/config/secret.ts";
import { GuardedPostgres } from "../../fallbacks/guard/guarded-postgres.ts";
import { GuardedStore } from "../../fallbacks/guard/guarded-store.ts";
import { failed } from "../../fallbacks/guard/store-failure.ts";
import { type PostgresServer, startPostgres } from "../../lab/servers/postgres.ts";
import { type RedisServer, startRedis } from "../../lab/servers/redis.ts";
import { withRedis } from "../../lab/servers/redis-client.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { MetricsPage } from "./exporter-page.ts";

let workspace: Workspace;
let redis: RedisServer;
let postgres: PostgresServer;

beforeAll(async () => {
  workspace = await createWorkspace("guard");
  [redis, postgres] = await Promise.all([startRedis(workspace, { name: "redis" }), startPostgres(workspace)]);
}, patience);

afterAll(async () => {
  await workspace?.close();
});

const at = (port: number) => ({ topology: "standalone", address: `127.0.0.1:${port}` }) as const;

function openStore(server: RedisServer, deadlineMs?: number) {
  const metrics = new Registry();
  const store = new GuardedStore("rate_limit", at(server.port), { metrics, deadlineMs });
  const failures = async (errorClass: ErrorClass) =>
    new MetricsPage(await metrics.metrics()).value("redisops_store_failures_total", {
      role: "rate_limit",
      error_class: errorClass,
    });
  return { store, failures };
}

/** Keeps this process from doing anything else. */
function stall(milliseconds: number): void {
  for (const end = performance.now() + milliseconds; performance.now() < end; );
}

const call = (store: GuardedStore, command: "incr" | "get", key = "key") =>
  Promise.resolve(store.call<unknown>(key, command, (client) => client[command](key)));

describe("a guarded store", { timeout: patience }, () => {
  it("does not blame the server for a stall of its own process", async () => {
    const rounds = 10;
    let blameless = 0;
    for (let round = 0; round < rounds; round += 1) {
      const { store, failures } = openStore(redis);
      expect(await store.ready(patience)).toBe(true);
      const calls = Array.from({ length: 20 }, () => call(store, "incr"));
      stall(120);
      const timeouts = (await Promise.all(calls)).filter(failed).length;
      expect(await failures("timeout")).toBe(timeouts);
      if (timeouts === 0) blameless += 1;
      store.close();
    }
    // On a machine with much to do the server itself may not get its turn in time, now and then.
    expect(blameless).toBeGreaterThan(rounds / 2);
  });

  it("keeps away from a server that runs a script and answers nothing else, until it is through", async () => {
    const server = await startRedis(workspace, { name: "busy", config: ["busy-reply-threshold 1"] });
    const { store, failures } = openStore(server, 1_000);
    await store.ready(patience);
    const script = new Redis({ host: "127.0.0.1", port: server.port });
    const endless = script.eval("while true do end", 0).catch(() => undefined);
    await waitUntil(async () => failed(await call(store, "incr")) && store.openBreakers === 1, {
      what: "the breaker to open",
      deadlineMs: patience,
    });
    expect(await failures("other")).toBe(0);
    await withRedis(server.port, (client) => client.script("KILL"));
    await endless;
    script.disconnect();
    await waitUntil(async () => !failed(await call(store, "incr")), {
      what: "an answer",
      deadlineMs: patience,
    });
    expect(store.openBreakers).toBe(0);
    store.close();
  });

  it("is not ready where the server takes no more clients", async () => {
    const server = await startRedis(workspace, { name: "full", config: ["maxclients 1"] });
    const first = new Redis({ host: "127.0.0.1", port: server.port });
    await first.ping();
    const { store } = openStore(server, 1_000);
    expect(await store.ready(300)).toBe(false);
    expect(failed(await call(store, "incr"))).toBe(true);
    first.disconnect();
    expect(await store.ready(patience)).toBe(true);
    store.close();
  });

  it("goes on reading from a server that refuses writes", async () => {
    const primary = await startRedis(workspace, { name: "of-the-replica" });
    const replica = await startRedis(workspace, { name: "replica" });
    await withRedis(replica.port, (client) => client.replicaof("127.0.0.1", primary.port));
    const { store } = openStore(replica, 1_000);
    await store.ready(patience);
    let [reads, failures] = [0, 0];
    // At an application's pace: three seconds, with a write among twenty reads a hundred times a second.
    for await (const _tick of setInterval(10)) {
      const write = call(store, "incr");
      const outcomes = await Promise.all(Array.from({ length: 20 }, () => call(store, "get")));
      expect(failed(await write)).toBe(true);
      reads += outcomes.length;
      failures += outcomes.filter(failed).length;
      if (reads >= 6_000) break;
    }
    // One search for a primary a second may cost the reads that are under way.
    expect(failures).toBeLessThan(reads / 2);
    store.close();
  });

  it("gives up waiting to be ready when it is closed", async () => {
    const { store } = openStore(redis);
    const gone = new GuardedStore("rate_limit", at(await workspace.port()), { metrics: new Registry() });
    const ready = gone.ready(10 * patience);
    gone.close();
    expect(await ready).toBe(false);
    store.close();
  });
});

describe("guarded Postgres", { timeout: patience }, () => {
  const variable = `REDISOPS_TEST_${randomUUID().replaceAll("-", "_")}`;

  async function open(user: string) {
    const superuser = new Client(postgres.connection);
    await superuser.connect();
    await superuser.query(`CREATE ROLE ${user} LOGIN SUPERUSER PASSWORD 'first'`);
    process.env[variable] = "first";
    const guarded = new GuardedPostgres(
      {
        address: `127.0.0.1:${postgres.port}`,
        database: "postgres",
        user,
        password: new Secret(`\${${variable}}`),
      },
      { metrics: new Registry(), maxConcurrent: 4, deadlineMs: 300 },
    );
    return { superuser, guarded };
  }

  it("leaves no statement behind in the server that it has given up on", async () => {
    const { superuser, guarded } = await open("cancelling");
    await superuser.query("CREATE TABLE locked (n int)");
    await superuser.query("BEGIN; LOCK TABLE locked");
    const statements = Array.from({ length: 12 }, () => guarded.query("INSERT INTO locked VALUES (1)", []));
    expect((await Promise.all(statements)).every(failed)).toBe(true);
    // Inside the transaction the view would stay as it was when it was first looked at.
    const observer = new Client(postgres.connection);
    await observer.connect();
    await waitUntil(
      async () => {
        const { rows } = await observer.query<{ left: number }>(
          "SELECT count(*)::int AS left FROM pg_stat_activity WHERE usename = 'cancelling' AND state = 'active'",
        );
        return rows[0]?.left === 0;
      },
      { what: "the statements to be cancelled", deadlineMs: patience },
    );
    await observer.end();
    await superuser.query("COMMIT");
    expect((await superuser.query("SELECT FROM locked")).rowCount).toBe(0);
    await guarded.close();
    await superuser.end();
  });

  it("logs in with a password that was changed meanwhile", async () => {
    const { superuser, guarded } = await open("rotating");
    expect(failed(await guarded.query("SELECT 1", [], patience))).toBe(false);
    await superuser.query("ALTER ROLE rotating PASSWORD 'second'");
    await superuser.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rotating'",
    );
    process.env[variable] = "second";
    await waitUntil(async () => !failed(await guarded.query("SELECT 1", [], patience)), {
      what: "the new password to be used",
      deadlineMs: patience,
    });
    await guarded.close();
    await superuser.end();
  });

  it("does not blame the server for a stall of its own process", async () => {
    const { superuser, guarded } = await open("stalled");
    await Promise.all(Array.from({ length: 4 }, () => guarded.query("SELECT pg_sleep(0.2)", [], patience)));
    for (let round = 0; round < 5; round += 1) {
      const answers = Array.from({ length: 4 }, () => guarded.query("SELECT 1", []));
      await new Promise((resolve) => setImmediate(resolve));
      stall(500);
      expect((await Promise.all(answers)).filter(failed)).toEqual([]);
    }
    await guarded.close();
    await superuser.end();
  });
});
