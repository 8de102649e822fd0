import pg from "pg";
import { Registry } from "prom-client";
import { splitAddress } from "../../../core/address.ts";
import type { RedisConnectionConfig } from "../../../core/config/redis-section.ts";
import { Secret } from "../../../core/config/secret.ts";
import { preferencesSchema } from "../../../core/preferences/schema.ts";
import type { PostgresConnectionConfig } from "../../../fallbacks/guard/guarded-postgres.ts";
import {
  PreferencesClient,
  type PreferencesOptions,
} from "../../../fallbacks/preferences/preferences-client.ts";
import { type PgBouncerServer, startPgBouncer } from "../../../lab/servers/pgbouncer.ts";
import { type PostgresServer, startPostgres } from "../../../lab/servers/postgres.ts";
import { waitUntil } from "../../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../../lab/workspace.ts";
import { patience } from "../../fixtures/processes.ts";

const passwordVariable = "REDISOPS_TEST_PREFERENCES_PASSWORD";

/** Creates the tables of preferences in a database. */
export async function createPreferences(config: PostgresConnectionConfig): Promise<void> {
  const client = new pg.Client({
    ...splitAddress(config.address),
    database: config.database,
    user: config.user,
    password: config.password?.reveal(),
  });
  await client.connect();
  await client.query(preferencesSchema).finally(() => client.end());
}

/** A worker's client and the registry that it counts in. */
export interface Worker {
  readonly client: PreferencesClient;
  readonly metrics: Registry;
  /** Folder of its recorded exposures. */
  readonly directory: string;
  /** Decides about a user's text messages. */
  sms(userId: string): ReturnType<PreferencesClient["check"]>;
}

/** Postgres with the tables of preferences, a PgBouncer in transaction mode before it, and workers. */
export class PreferencesPlatform {
  readonly workspace: Workspace;
  readonly postgres: PostgresServer;
  readonly bouncer: PgBouncerServer;
  /** A connection of a program that is none of redisops. */
  readonly sql: pg.Client;
  readonly #workers: PreferencesClient[] = [];
  #notifications = 0;

  /** Use {@link startPreferencesPlatform}. */
  constructor(workspace: Workspace, postgres: PostgresServer, bouncer: PgBouncerServer, sql: pg.Client) {
    this.workspace = workspace;
    this.postgres = postgres;
    this.bouncer = bouncer;
    this.sql = sql;
  }

  /** Postgres as a worker of a production platform reaches it, or directly. */
  database(through: "bouncer" | "postgres" = "bouncer"): PostgresConnectionConfig {
    process.env[passwordVariable] = this.postgres.password;
    const { port } = through === "bouncer" ? this.bouncer : this.postgres;
    return {
      address: `127.0.0.1:${port}`,
      database: "postgres",
      user: this.postgres.user,
      password: new Secret(`\${${passwordVariable}}`),
    };
  }

  /** Another connection to Postgres itself; ended by its user. */
  async connect(): Promise<pg.Client> {
    const client = new pg.Client(this.postgres.connection);
    client.on("error", () => undefined);
    await client.connect();
    return client;
  }

  /** Opens a worker's client. A busy machine must not decide a test, so the deadlines are long unless given. */
  async worker(cache: RedisConnectionConfig, options: Partial<PreferencesOptions> = {}): Promise<Worker> {
    const metrics = new Registry();
    const directory = await this.workspace.folder("exposures");
    const client = new PreferencesClient(cache, {
      deadlineMs: 1_000,
      postgres: this.database(),
      exposures: { directory },
      metrics,
      ...options,
      bulkhead: { deadlineMs: 20_000, ...options.bulkhead },
      changes: { pollDeadlineMs: 5_000, ...options.changes },
    });
    this.#workers.push(client);
    return {
      client,
      metrics,
      directory: options.exposures?.directory ?? directory,
      sms: (userId) =>
        client.check({ userId, channel: "sms", notificationId: `notification-${++this.#notifications}` }),
    };
  }

  /** A program in another language takes a choice. Resolves when it is committed. */
  async choose(userId: string, optedOut: boolean): Promise<void> {
    await this.sql.query(
      `INSERT INTO preferences (user_id, channel, opted_out) VALUES ($1, 'sms', $2)
       ON CONFLICT (user_id, channel) DO UPDATE SET opted_out = excluded.opted_out`,
      [userId, optedOut],
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()));
    await this.sql.end().catch(() => undefined);
    await this.workspace.close();
  }
}

/** Starts it. */
export async function startPreferencesPlatform(label: string): Promise<PreferencesPlatform> {
  const workspace = await createWorkspace(label);
  const postgres = await startPostgres(workspace);
  const bouncer = await startPgBouncer(workspace, { postgres });
  const sql = new pg.Client(postgres.connection);
  sql.on("error", () => undefined);
  await sql.connect();
  await sql.query(preferencesSchema);
  return new PreferencesPlatform(workspace, postgres, bouncer, sql);
}

/** Waits until the second is over within which an opt-out need not count yet. */
export async function oneSecondAfter(moment: number): Promise<void> {
  await waitUntil(() => performance.now() >= moment + 1_000, {
    what: "the second after the commit",
    deadlineMs: patience,
  });
}

/** Asks until a decision comes from a source. */
export async function decidedBy(
  source: Awaited<ReturnType<PreferencesClient["check"]>>["source"],
  decide: () => ReturnType<PreferencesClient["check"]>,
): Promise<void> {
  await waitUntil(async () => (await decide()).source === source, {
    what: `a decision by ${source}`,
    deadlineMs: patience,
  });
}
