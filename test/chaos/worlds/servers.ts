import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import type pg from "pg";
import { stringify } from "yaml";
import { type PostgresServer, startPostgres } from "../../../lab/servers/postgres.ts";
import { type RedisServer, startRedis } from "../../../lab/servers/redis.ts";
import { createWorkspace, type Workspace } from "../../../lab/workspace.ts";
import { connectAdmin } from "../../fixtures/recover-platform.ts";

/** Postgres and a Redis, and a place for redisops.yaml. */
export interface Servers {
  readonly workspace: Workspace;
  readonly postgres: PostgresServer;
  readonly server: RedisServer;
  /** A superuser's connection. */
  readonly admin: pg.Client;
  readonly redis: Redis;
  readonly folder: string;
  readonly stateDir: string;
  readonly env: NodeJS.ProcessEnv;
  /** What redisops.yaml says of the Redis as a role. */
  readonly role: { readonly topology: "standalone"; readonly address: string };
  /** Writes redisops.yaml with these sections, that of Postgres with these `tables`; returns its path. */
  configure(
    sections: Readonly<Record<string, unknown>> & { readonly recovery?: object },
    tables?: Readonly<Record<string, unknown>>,
  ): Promise<string>;
  close(): Promise<void>;
}

/** On a machine with much to do a run would wait for minutes, which says nothing about kills. */
export const patientLimits = {
  redis_latency: { pause: "30s", abort: "60s" },
  postgres_latency: { pause: "30s", abort: "60s" },
};

export async function startServers(name: string): Promise<Servers> {
  const workspace = await createWorkspace(name);
  const [postgres, server, folder] = await Promise.all([
    startPostgres(workspace),
    startRedis(workspace, { name: "redis" }),
    workspace.folder("redisops"),
  ]);
  const admin = await connectAdmin(postgres);
  admin.on("error", () => undefined);
  const redis = new Redis({ port: server.port, protocol: 2, maxRetriesPerRequest: null });
  redis.on("error", () => undefined);
  const stateDir = join(folder, "state");
  const address = `127.0.0.1:${postgres.port}`;
  const login = { database: "postgres", user: postgres.user, password: "${TEST_PASSWORD}" };
  return {
    workspace,
    postgres,
    server,
    admin,
    redis,
    folder,
    stateDir,
    env: { PATH: process.env.PATH, HOME: folder, TEST_PASSWORD: postgres.password },
    role: { topology: "standalone", address: `127.0.0.1:${server.port}` },
    async configure({ recovery = {}, ...sections }, tables = {}) {
      const path = join(folder, "redisops.yaml");
      const fixed = { platform: "chaos", postgres: { address, ...login, tables }, state_dir: stateDir };
      const patient = { limits: patientLimits, ...recovery };
      await writeFile(path, stringify({ ...fixed, ...sections, recovery: patient }));
      return path;
    },
    async close() {
      redis.disconnect();
      await admin.end();
      await workspace.close();
    },
  };
}
