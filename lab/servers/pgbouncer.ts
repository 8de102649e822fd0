import { chown, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findProgram } from "../binaries.ts";
import { type ServerProcess, startServer } from "../process.ts";
import type { Workspace } from "../workspace.ts";
import { answersQuery, type PostgresServer } from "./postgres.ts";
import { type SystemUser, unprivilegedUser } from "./postgres-binaries.ts";

/** How to start a PgBouncer. */
export interface PgBouncerOptions {
  /** The server it pools connections to. */
  readonly postgres: PostgresServer;
  /** The name in messages and of its folder; `pgbouncer` unless given. */
  readonly name?: string;
  /** A free port unless given. */
  readonly port?: number;
  /** When a server connection is given back: at the end of a transaction unless given. */
  readonly poolMode?: "transaction" | "session" | "statement";
  /** Server connections per database and user; 20 unless given. */
  readonly poolSize?: number;
  /** Client connections in all; 1000 unless given. */
  readonly maxClientConn?: number;
  /** Passwords of further users, by name; `settings.stats_users` lets them look at the console. */
  readonly users?: Readonly<Record<string, string>>;
  /** Further settings of pgbouncer.ini; they win over the lab's own. */
  readonly settings?: Readonly<Record<string, string | number>>;
}

/** A PgBouncer on 127.0.0.1 before a Postgres server: same user, same password, every database. */
export interface PgBouncerServer {
  readonly port: number;
  /** What a pg client needs to connect through it as the superuser; database `pgbouncer` is its own console. */
  readonly connection: PostgresServer["connection"];
  /** The pid of the current process; another one after {@link PgBouncerServer.restart}. */
  readonly pid: number;
  readonly running: boolean;
  /** SIGTERM: ends every connection. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** SIGSTOP: connections are accepted by the kernel and nothing answers. */
  pause(): void;
  /** Ends {@link PgBouncerServer.pause}. */
  resume(): void;
  /** Starts it again on the same port, stopping it first if it runs. */
  restart(): Promise<void>;
}

/**
 * Starts PgBouncer, as an unprivileged user if this process is root, and waits until Postgres answers a query through
 * it.
 *
 * @throws MissingProgramError when it is not installed; ServerStartError when it does not come up, for example because
 *   Postgres is down.
 */
export async function startPgBouncer(
  workspace: Workspace,
  options: PgBouncerOptions,
): Promise<PgBouncerServer> {
  const program = findProgram("pgbouncer");
  const { user, password, database } = options.postgres.connection;
  const name = options.name ?? "pgbouncer";
  const port = options.port ?? (await workspace.port());
  const folder = await workspace.folder(name);
  const runAs = await unprivilegedUser();
  const userFile = join(folder, "users.txt");
  const configFile = join(folder, "pgbouncer.ini");
  await own(folder, runAs);
  const users = Object.entries({ ...options.users, [user]: password });
  await writeOwned(
    userFile,
    users.map(([name, secret]) => `${quoted(name)} ${quoted(secret)}\n`).join(""),
    runAs,
  );
  await writeOwned(configFile, pgbouncerIni(port, userFile, options), runAs);

  const start = (): Promise<ServerProcess> =>
    startServer(workspace, {
      name,
      command: [program, configFile],
      cwd: folder,
      logFile: join(folder, "pgbouncer.log"),
      ready: () => answersQuery(port, password),
      ...(runAs !== undefined && { user: runAs }),
    });
  let server = await start();
  return {
    port,
    connection: { host: "127.0.0.1", port, user, password, database },
    get pid() {
      return server.pid;
    },
    get running() {
      return server.running;
    },
    stop: () => server.stop(),
    kill: () => server.kill(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    async restart() {
      await server.stop();
      server = await start();
    },
  };
}

function pgbouncerIni(port: number, userFile: string, options: PgBouncerOptions): string {
  const { postgres, poolMode = "transaction", poolSize = 20, maxClientConn = 1000 } = options;
  const settings = {
    listen_addr: "127.0.0.1",
    listen_port: port,
    unix_socket_dir: "",
    auth_type: "scram-sha-256",
    auth_file: userFile,
    admin_users: postgres.user,
    pool_mode: poolMode,
    default_pool_size: poolSize,
    max_client_conn: maxClientConn,
    // Clients may send them at the start; a pooled connection cannot take them over.
    ignore_startup_parameters: "extra_float_digits,options",
    ...options.settings,
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}`);
  const databases = `[databases]\n* = host=127.0.0.1 port=${postgres.port}\n`;
  return `${databases}\n[pgbouncer]\n${lines.join("\n")}\n`;
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

async function writeOwned(file: string, content: string, user: SystemUser | undefined): Promise<void> {
  await writeFile(file, content, { mode: 0o600 });
  await own(file, user);
}

async function own(path: string, user: SystemUser | undefined): Promise<void> {
  if (user !== undefined) await chown(path, user.uid, user.gid);
}
