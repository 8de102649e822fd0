import { Client } from "pg";
import { type PostgresOptions, type PostgresServer, startPostgres } from "../../lab/servers/postgres.ts";
import { waitUntil } from "../../lab/wait.ts";
import type { Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { secretFile } from "./exporter-harness.ts";

const tables = `
  CREATE TABLE notifications (id text PRIMARY KEY, sent_at timestamptz NOT NULL);
  CREATE INDEX ON notifications (sent_at);
  CREATE TABLE pending_deliveries (message_id text PRIMARY KEY, user_id text NOT NULL, created_at timestamptz NOT NULL);
  CREATE INDEX ON pending_deliveries (created_at);`;

/** A Postgres server with the platform's two tables, and what redisops.yaml says of it. */
export class Database {
  readonly server: PostgresServer;
  /** A superuser's connection, for what the test does itself. */
  readonly admin: Client;
  /** The password as redisops.yaml refers to it. */
  readonly password: string;

  /** Use {@link startDatabase}. */
  constructor(server: PostgresServer, admin: Client, password: string) {
    this.server = server;
    this.admin = admin;
    this.password = password;
  }

  /** The postgres section of redisops.yaml, with both tables unless told otherwise. */
  section(more: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
    return {
      address: `127.0.0.1:${this.server.port}`,
      database: "postgres",
      user: this.server.user,
      password: this.password,
      tables: { sent_notifications: {}, pending_deliveries: {} },
      ...more,
    };
  }

  /** Another connection; the caller ends it. */
  async connect(user = this.server.user, password = this.server.password): Promise<Client> {
    const client = new Client({
      host: "127.0.0.1",
      port: this.server.port,
      user,
      password,
      database: "postgres",
    });
    client.on("error", () => undefined);
    await client.connect();
    return client;
  }

  /** Inserts ids as sent between two minutes and 23 hours ago. Returns them. */
  async send(count: number, prefix = "sent"): Promise<string[]> {
    const { rows } = await this.admin.query<{ id: string }>(
      `INSERT INTO notifications
       SELECT $2 || '-' || n, now() - interval '2 minutes' - random() * interval '22 hours'
       FROM generate_series(1, $1::int) AS n RETURNING id`,
      [count, prefix],
    );
    return rows.map(({ id }) => id);
  }

  /** Waits until no connection of redisops is left. */
  async untilLeft(): Promise<void> {
    await waitUntil(
      async () => {
        const { rows } = await this.admin.query(
          "SELECT 1 FROM pg_stat_activity WHERE application_name = 'redisops'",
        );
        return rows.length === 0;
      },
      { what: "redisops to have closed its connections to Postgres", deadlineMs: patience },
    );
  }
}

/** Starts Postgres in the workspace and creates the tables; the workspace stops all of it. */
export async function startDatabase(workspace: Workspace, options: PostgresOptions = {}): Promise<Database> {
  const server = await startPostgres(workspace, options);
  const password = await secretFile(workspace, server.password);
  const database = new Database(server, new Client(), password);
  const admin = await database.connect();
  workspace.register({
    name: "the test's connection",
    stop: async () => void admin.connection.stream.destroy(),
  });
  await admin.query(tables);
  return new Database(server, admin, password);
}
