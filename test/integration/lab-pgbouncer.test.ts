import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ServerStartError } from "../../lab/process.ts";
import { isAlive } from "../../lab/process-tree.ts";
import { type PgBouncerServer, startPgBouncer } from "../../lab/servers/pgbouncer.ts";
import { type PostgresServer, startPostgres } from "../../lab/servers/postgres.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { frozen, patience } from "../fixtures/processes.ts";

const onLinux = process.platform === "linux";

let workspace: Workspace;
let postgres: PostgresServer;
let bouncer: PgBouncerServer;

beforeAll(async () => {
  workspace = await createWorkspace("test");
  postgres = await startPostgres(workspace);
  bouncer = await startPgBouncer(workspace, {
    postgres,
    poolMode: "transaction",
    poolSize: 2,
    maxClientConn: 20,
  });
}, patience);

beforeEach(async () => {
  if (!bouncer.running) await bouncer.restart();
});

afterAll(() => workspace.close());

async function connect(overrides: object = {}): Promise<Client> {
  const client = new Client({ ...bouncer.connection, connectionTimeoutMillis: patience, ...overrides });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

async function one(client: Client, query: string): Promise<unknown> {
  const { rows } = await client.query<{ answer: unknown }>(query);
  return rows[0]?.answer;
}

const backend = (client: Client) => one(client, "SELECT pg_backend_pid() AS answer");

describe("a PgBouncer of the lab", { timeout: patience }, () => {
  it("shares a connection between clients, as transactions end", async () => {
    const [first, second, third] = await Promise.all([connect(), connect(), connect()]);
    await first.query("BEGIN");
    await second.query("BEGIN");
    const held = [await backend(first), await backend(second)];
    expect(new Set(held).size).toBe(2);

    const waiting = backend(third);
    const console = await connect({ database: "pgbouncer" });
    await waitUntil(
      async () => {
        const { rows } = await console.query("SHOW POOLS");
        return rows.some((pool) => pool.database === "postgres" && Number(pool.cl_waiting) === 1);
      },
      { what: "the third client to wait for one of two connections", deadlineMs: patience },
    );
    await first.query("COMMIT");
    expect(await waiting).toBe(held[0]);
    await second.query("COMMIT");
    await Promise.all([first, second, third, console].map((client) => client.end()));
  });

  it("reaches every database, and ignores what a pool cannot take over from a client", async () => {
    const admin = new Client(postgres.connection);
    await admin.connect();
    await admin.query("CREATE DATABASE other");
    await admin.end();
    const client = await connect({ database: "other", options: "-c geqo=off" });
    expect(await one(client, "SELECT current_database() AS answer")).toBe("other");
    await client.end();
  });

  it("wants the password, which its arguments do not show, and is not run by root", async () => {
    await expect(connect({ password: "wrong" })).rejects.toThrow(/SASL|password/);
    expect(statSync(join(workspace.dir, "pgbouncer", "users.txt")).mode & 0o777).toBe(0o600);
    if (!onLinux) return;
    expect(readFileSync(`/proc/${bouncer.pid}/cmdline`, "utf8")).not.toContain(postgres.password);
    expect(statSync(`/proc/${bouncer.pid}`).uid).not.toBe(0);
  });

  it("refuses clients beyond its limit", async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => connect()));
    await expect(connect()).rejects.toThrow(/no more connections allowed/);
    await Promise.all(clients.map((client) => client.end()));
  });

  it("hangs while paused, is refused once killed, and comes back on the same port", async () => {
    const client = await connect();
    bouncer.pause();
    await frozen([bouncer.pid]);
    await expect(connect({ connectionTimeoutMillis: 500 })).rejects.toThrow(/timeout/);
    bouncer.resume();
    expect(await one(client, "SELECT 1 AS answer")).toBe(1);
    await client.end();

    const { pid } = bouncer;
    await bouncer.kill();
    expect(isAlive(pid)).toBe(false);
    await expect(connect()).rejects.toThrow(/ECONNREFUSED/);
    await bouncer.restart();
    const again = await connect();
    expect(await one(again, "SELECT 1 AS answer")).toBe(1);
    await again.end();
  });

  it("does not count as started when its configuration is wrong", async () => {
    const starting = startPgBouncer(workspace, {
      postgres,
      name: "broken",
      settings: { pool_mode: "wrong" },
    });
    await expect(starting).rejects.toThrow(ServerStartError);
    await expect(starting).rejects.toThrow(/broken exited with code 1.*pool_mode/s);
  });
});
