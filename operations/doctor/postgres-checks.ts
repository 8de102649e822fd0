import type { Client } from "pg";
import type { PgBouncerConfig, PostgresConfig } from "../../core/config/postgres-section.ts";
import { withDeadline } from "../../core/deadline.ts";
import { messageOf, RedisopsError } from "../../core/errors.ts";
import { connectPostgres, quoteName } from "../../core/postgres/connect.ts";
import { runTables } from "../../core/recovery-runs/run-tables.ts";
import { runsTable } from "../../core/recovery-runs/table.ts";
import { withPostgres } from "../../exporters/postgres-session.ts";
import { type Check, checked, failure, requestDeadline } from "./check.ts";
import { clockCheck } from "./clock.ts";
import { tableNeeds } from "./postgres-needs.ts";
import { tableCheck } from "./postgres-tables.ts";
import { roleName } from "./role-name.ts";
import { isOlder } from "./versions.ts";

/** `CREATE OR REPLACE TRIGGER` of docs/preferences.md came with it. */
const oldestPostgres = "14";

interface ServerFacts {
  readonly version: string;
  readonly user: string;
  readonly standby: boolean;
  readonly superuser: boolean;
  /** Whether other users' sessions are shown. */
  readonly monitor: boolean;
  /** The server's time in milliseconds since 1970. */
  readonly now: number;
}

/** pg_monitor includes pg_read_all_stats, which is what opens the sessions. */
const factsQuery = `
  SELECT current_setting('server_version') AS version, current_user::text AS user, pg_is_in_recovery() AS standby,
    (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
    pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS monitor,
    (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now`;

function versionCheck({ version }: ServerFacts): Check {
  const id = "postgres.version";
  if (!isOlder(version, oldestPostgres)) return checked(id, "ok", version);
  return checked(id, "failed", `${version}: redisops needs ${oldestPostgres} or later`, "Upgrade Postgres.");
}

function rightsCheck({ user, superuser }: ServerFacts): Check {
  const id = "postgres.rights";
  if (!superuser) return checked(id, "ok", `${user} is no superuser`);
  return checked(
    id,
    "warning",
    `${user} is a superuser: it may do everything`,
    "CREATE ROLE redisops LOGIN;   -- then the grants of docs/security.md, and postgres.user in redisops.yaml",
  );
}

function monitorCheck({ user, monitor }: ServerFacts): Check {
  const id = "postgres.monitor";
  if (monitor) return checked(id, "ok", "other users' sessions are seen");
  return checked(
    id,
    "warning",
    "other users' sessions hide what they do, so that they count as state other",
    `GRANT pg_monitor TO ${roleName(user)};`,
  );
}

function standbyCheck({ standby }: ServerFacts): Check {
  const id = "postgres.primary";
  if (!standby) return checked(id, "ok", "it is the primary");
  return checked(
    id,
    "failed",
    "it is a standby: rows lag, and no run can be written down",
    "Set postgres.address in redisops.yaml to the primary.",
  );
}

interface RunsFacts {
  readonly exists: boolean;
  readonly readable: boolean;
  readonly writable: boolean;
}

const runsQuery = `
  SELECT c.oid IS NOT NULL AS exists,
    coalesce(has_table_privilege(c.oid, 'SELECT'), false) AS readable,
    coalesce(has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
      AND has_table_privilege(c.oid, 'UPDATE'), false) AS writable
  FROM (SELECT to_regclass($1)::oid AS oid) AS c`;

/** Whether the tables of runs can be read, and where recoveries shall work also created or written. */
async function runsCheck(
  client: Client,
  config: PostgresConfig,
  user: string,
  recoveries: boolean,
): Promise<Check> {
  const id = "postgres.runs";
  const table = runsTable(config);
  const tables = [table, ...Object.values(runTables(config))];
  const found: RunsFacts[] = [];
  for (const each of tables) found.push(...(await client.query<RunsFacts>(runsQuery, [each])).rows);
  const bare = tables.map((each) => each.replaceAll('"', ""));
  const denied = bare.filter((_, index) => found[index]?.exists === true && found[index]?.writable !== true);
  if (found[0]?.exists === true && found[0].readable !== true) {
    return checked(
      id,
      "failed",
      `${user} may not read ${bare[0]}`,
      `GRANT SELECT ON ${bare[0]} TO ${roleName(user)};`,
    );
  }
  if (recoveries && denied.length > 0) {
    const fix = `GRANT SELECT, INSERT, UPDATE, DELETE ON ${denied.join(", ")} TO ${roleName(user)};`;
    return checked(id, "failed", `${user} may not write ${denied.join(", ")}: no recovery begins`, fix);
  }
  if (found.every(({ exists }) => exists)) return checked(id, "ok", `recoveries are written to ${bare[0]}`);
  const schema = config.tables.runs?.table.includes(".") ? config.tables.runs.table.split(".")[0] : undefined;
  const { rows } = await client.query<{ schema: string | null; creates: boolean | null }>(
    "SELECT coalesce($1, current_schema())::text AS schema, has_schema_privilege(coalesce($1, current_schema())::text, 'CREATE') AS creates",
    [schema ?? null],
  );
  const [own] = rows;
  if (own?.creates === true)
    return checked(id, "ok", `the first recovery creates its tables in the schema ${own.schema}`);
  const fix =
    schema === undefined
      ? `CREATE SCHEMA ${quoteName(user)} AUTHORIZATION ${quoteName(user)};`
      : `GRANT USAGE, CREATE ON SCHEMA ${quoteName(schema)} TO ${roleName(user)};`;
  return checked(
    id,
    recoveries ? "failed" : "warning",
    `there are no tables of runs, and ${user} may not create them: no recovery begins`,
    fix,
  );
}

async function serverChecks(client: Client, config: PostgresConfig, recoveries: boolean): Promise<Check[]> {
  const asked = Date.now();
  const { rows } = await client.query<ServerFacts>(factsQuery);
  const answered = Date.now();
  const [facts] = rows;
  if (facts === undefined) throw new Error("Postgres told nothing of itself");
  const clock = clockCheck("postgres.clock", [{ of: "Postgres", theirs: facts.now, asked, answered }]);
  const checks = [
    checked("postgres.reach", "ok", `${config.database} at ${config.address} answers as ${facts.user}`),
    versionCheck(facts),
    standbyCheck(facts),
    rightsCheck(facts),
    monitorCheck(facts),
    clock,
  ];
  for (const need of tableNeeds(config, recoveries)) checks.push(await tableCheck(client, need, facts.user));
  checks.push(await runsCheck(client, config, facts.user, recoveries));
  return checks;
}

/** What is checked of Postgres: access, version, rights, tables, indexes, clock. */
export async function postgresChecks(config: PostgresConfig, recoveries: boolean): Promise<Check[]> {
  try {
    return await withPostgres(config, 2 * requestDeadline, (client) =>
      serverChecks(client, config, recoveries),
    );
  } catch (error) {
    return [failure("postgres.reach", error)];
  }
}

/** Whether PgBouncer's console answers. */
export async function pgbouncerChecks(config: PgBouncerConfig): Promise<Check[]> {
  const id = "pgbouncer.reach";
  const target = `PgBouncer at ${config.address}`;
  const late = () => new Error("no answer before the deadline");
  try {
    const access = { ...config, database: "pgbouncer" };
    // Its console knows no statement timeout.
    const { client, close } = await connectPostgres(
      access,
      { connect: requestDeadline, statement: 0 },
      target,
    );
    try {
      const work = client.query<{ database: string }>("SHOW POOLS");
      const { rows } = await withDeadline(work, requestDeadline, late);
      const pools = rows.filter(({ database }) => database !== "pgbouncer").length;
      return [checked(id, "ok", `${config.user} sees ${pools} pool${pools === 1 ? "" : "s"} on the console`)];
    } finally {
      await close();
    }
  } catch (error) {
    const said = messageOf(error);
    const message = said.startsWith(target) ? said : `${target}: ${said}`;
    const known = new RedisopsError("PGBOUNCER_UNAVAILABLE", message, {
      cause: error,
      next: `stats_users = ${config.user}   # in pgbouncer.ini, with its password in auth_file; then RELOAD`,
    });
    return [failure(id, known)];
  }
}
