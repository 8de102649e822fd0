import { execFile, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { chown, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { Client } from "pg";
import { type ServerProcess, startServer } from "../process.ts";
import type { Workspace } from "../workspace.ts";
import {
  type PostgresPrograms,
  postgresPrograms,
  type SystemUser,
  unprivilegedUser,
} from "./postgres-binaries.ts";

const run = promisify(execFile);

/** How to start a Postgres server. */
export interface PostgresOptions {
  /** The name in messages and of its folder; `postgres` unless given. */
  readonly name?: string;
  /** A free port unless given. */
  readonly port?: number;
  /** 100 unless given. */
  readonly maxConnections?: number;
  /** Further settings of postgresql.conf; they win over the lab's own. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
}

/** A Postgres server on 127.0.0.1 with an empty cluster of its own, which asks for a password and is not durable. */
export interface PostgresServer {
  readonly port: number;
  /** `postgres://postgres@127.0.0.1:<port>/postgres`, without the password. */
  readonly url: string;
  /** The superuser's name. */
  readonly user: string;
  /** Random for every start. */
  readonly password: string;
  /** What a pg client needs to connect as the superuser. */
  readonly connection: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
    readonly database: string;
  };
  /** The postmaster's pid; another one after {@link PostgresServer.restart}. */
  readonly pid: number;
  /** Fast shutdown: open connections are ended. */
  stop(): Promise<void>;
  /** SIGKILLs the server with all its backends. */
  kill(): Promise<void>;
  /** Freezes the server with all its backends. */
  pause(): void;
  /** Ends {@link PostgresServer.pause}. */
  resume(): void;
  /** Starts it again on the same port with its data, stopping it first if it runs. */
  restart(): Promise<void>;
}

const user = "postgres";

/**
 * Creates a cluster, starts Postgres on it and waits until it answers a query. If this process is root, Postgres runs
 * as an unprivileged user.
 *
 * @throws PostgresUnavailableError when there is no Postgres for this system; ServerStartError when it does not come up.
 */
export async function startPostgres(
  workspace: Workspace,
  options: PostgresOptions = {},
): Promise<PostgresServer> {
  const name = options.name ?? "postgres";
  const runAs = await unprivilegedUser();
  const programs = await postgresPrograms(runAs);
  const port = options.port ?? (await workspace.port());
  const folder = await workspace.folder(name);
  const data = join(folder, "data");
  const password = randomBytes(24).toString("base64url");
  if (runAs !== undefined) await chown(folder, runAs.uid, runAs.gid);
  await createCluster(programs, folder, data, password, runAs);
  await writeSettings(data, { port, max_connections: options.maxConnections ?? 100, ...options.settings });

  // Enrolled before the server, so that its turn comes after the server's.
  const leftover = { name: `${name}'s shared memory`, destroy: () => removeSegment(data) };
  workspace.register({ ...leftover, stop: async () => leftover.destroy() });
  const start = (): Promise<ServerProcess> =>
    startServer(workspace, {
      name,
      command: [programs.postgres, "-D", data],
      cwd: folder,
      logFile: join(folder, "postgres.log"),
      ready: () => answersQuery(port, password),
      stopSignal: "SIGINT",
      ...(runAs !== undefined && { user: runAs }),
    });
  let server = await start();
  return {
    port,
    url: `postgres://${user}@127.0.0.1:${port}/postgres`,
    user,
    password,
    connection: { host: "127.0.0.1", port, user, password, database: "postgres" },
    get pid() {
      return server.pid;
    },
    stop: () => server.stop(),
    kill: async () => {
      await server.kill();
      removeSegment(data);
    },
    pause: () => server.pause(),
    resume: () => server.resume(),
    async restart() {
      await server.stop();
      server = await start();
    },
  };
}

async function createCluster(
  programs: PostgresPrograms,
  folder: string,
  data: string,
  password: string,
  runAs: SystemUser | undefined,
): Promise<void> {
  const passwordFile = join(folder, "password");
  await mkdir(data, { mode: 0o700 });
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (runAs !== undefined) {
    await chown(data, runAs.uid, runAs.gid);
    await chown(passwordFile, runAs.uid, runAs.gid);
  }
  const args = [
    `--pgdata=${data}`,
    `--username=${user}`,
    "--auth=scram-sha-256",
    `--pwfile=${passwordFile}`,
    "--encoding=UTF8",
    "--locale=C",
    "--no-sync",
    "--no-instructions",
  ];
  await run(programs.initdb, args, { cwd: folder, ...runAs });
  await rm(passwordFile);
}

/** Nothing here has to survive a crash of the machine, so nothing is flushed; and nothing listens but the one port. */
async function writeSettings(data: string, given: PostgresOptions["settings"]): Promise<void> {
  const settings = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    fsync: "off",
    synchronous_commit: "off",
    full_page_writes: "off",
    // Files in the data folder instead of /dev/shm, so that they go with it.
    dynamic_shared_memory_type: "mmap",
    ...given,
  };
  const lines = Object.entries(settings).map(
    ([key, value]) => `${key} = '${String(value).replaceAll("'", "''")}'`,
  );
  await writeFile(join(data, "postgresql.conf"), `\n# The lab's settings\n${lines.join("\n")}\n`, {
    flag: "a",
  });
}

/** Whether Postgres answers the superuser at 127.0.0.1:`port`, directly or through a pooler; throws why not. */
export async function answersQuery(port: number, password: string): Promise<boolean> {
  const client = new Client({
    host: "127.0.0.1",
    port,
    user,
    password,
    database: "postgres",
    connectionTimeoutMillis: 2000,
    query_timeout: 2000,
  });
  client.on("error", () => {}); // reported by the rejected call as well
  try {
    await client.connect();
    await client.query("SELECT 1");
    return true;
  } finally {
    await client.end().catch(() => {});
  }
}

/** A killed Postgres leaves its System V shared memory segment behind, of which a system has few. */
export function removeSegment(data: string): void {
  let pidFile: string;
  try {
    pidFile = readFileSync(join(data, "postmaster.pid"), "utf8");
  } catch {
    return; // it was never started, or it stopped in order and took the segment along
  }
  const segment = pidFile.split("\n")[6]?.trim().split(/\s+/)[1];
  if (segment !== undefined) spawnSync("ipcrm", ["-m", segment]);
}
