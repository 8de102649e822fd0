import { Client } from "pg";
import { Secret } from "../../../core/config/secret.ts";
import type { PostgresConnectionConfig } from "../../../fallbacks/guard/guarded-postgres.ts";
import { startPostgres } from "../../../lab/servers/postgres.ts";
import type { Workspace } from "../../../lab/workspace.ts";

const passwordVariable = "REDISOPS_TEST_POSTGRES_PASSWORD";

/** Gives out empty databases by name, all on one Postgres of the workspace that starts with the first of them. */
export function databases(workspace: Workspace): (name: string) => Promise<PostgresConnectionConfig> {
  let starting: ReturnType<typeof startPostgres> | undefined;
  return async (database) => {
    starting ??= startPostgres(workspace);
    const { connection, port, user, password } = await starting;
    process.env[passwordVariable] = password;
    const client = new Client(connection);
    await client.connect();
    await client.query(`CREATE DATABASE "${database}"`);
    await client.end();
    const reference = new Secret(`\${${passwordVariable}}`);
    return { address: `127.0.0.1:${port}`, database, user, password: reference };
  };
}
