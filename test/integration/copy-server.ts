import pg from "pg";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { type PostgresServer, startPostgres } from "../../lab/servers/postgres.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";

/** 20,000 ids at once, then nothing for an hour. */
export const STALLING = `select 'id-' || i from generate_series(1, 20000) i
  union all select pg_sleep(3600)::text`;
/** More than any buffer between the two processes holds. */
export const LONG = "select repeat('x', 36) || generate_series(1, 1000000)";

/** A Postgres server for the tests of one file, with a connection to watch the tests' other connections from. */
export class CopyServer {
  #workspace: Workspace | undefined;
  #server: PostgresServer | undefined;
  #admin: pg.Client | undefined;
  readonly #clients: pg.Client[] = [];

  async start(): Promise<void> {
    this.#workspace = await createWorkspace("copy-ids");
    this.#server = await startPostgres(this.#workspace);
    this.#admin = this.#newClient({});
    await this.#admin.connect();
  }

  async closeClients(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.end()));
  }

  async stop(): Promise<void> {
    await this.#admin?.end();
    await this.#workspace?.close();
  }

  get admin(): pg.Client {
    if (this.#admin === undefined) throw new Error("the server was not started");
    return this.#admin;
  }

  async connect(options: pg.ClientConfig = {}): Promise<{ client: pg.Client; pid: number }> {
    const client = this.#newClient(options);
    await client.connect();
    this.#clients.push(client);
    const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
    return { client, pid: rows[0]?.pid ?? 0 };
  }

  async terminate(pid: number): Promise<void> {
    await this.admin.query("select pg_terminate_backend($1)", [pid]);
  }

  /** Resolves when the backend's wait event (null: it is gone) is the given one. */
  async untilBackend(pid: number, waitEvent: string | null): Promise<void> {
    for (;;) {
      const { rows } = await this.admin.query<{ wait_event: string | null }>(
        "select wait_event from pg_stat_activity where pid = $1",
        [pid],
      );
      if (waitEvent === null ? rows.length === 0 : rows[0]?.wait_event === waitEvent) return;
    }
  }

  async expectClosed(client: pg.Client, pid: number): Promise<void> {
    await expect(client.query("select 1")).rejects.toThrow(/closed|not queryable|terminated/);
    await this.untilBackend(pid, null);
  }

  #newClient(options: pg.ClientConfig): pg.Client {
    if (this.#server === undefined) throw new Error("the server was not started");
    const { port, user, password } = this.#server;
    return new pg.Client({ host: "127.0.0.1", port, user, password, database: "postgres", ...options });
  }
}

/** Starts a server before the file's tests and stops it after them. */
export function copyServer(): CopyServer {
  const server = new CopyServer();
  beforeAll(() => server.start());
  afterEach(() => server.closeClients());
  afterAll(() => server.stop());
  return server;
}

export async function expectUsable(client: pg.Client): Promise<void> {
  expect((await client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
}
