import type { Client } from "pg";
import type { PgBouncerConfig } from "../../core/config/postgres-section.ts";
import { withDeadline } from "../../core/deadline.ts";
import { messageOf, RedisopsError } from "../../core/errors.ts";
import { connectPostgres } from "../../core/postgres/connect.ts";
import { postgresErrorClass } from "../../core/postgres/postgres-error.ts";
import { type Sample, sample } from "../../core/samples.ts";
import type { Probe } from "../probe.ts";
import { serverUntried } from "../role-availability.ts";

const role = "postgres";
/** PgBouncer's own console is a database of this name. */
const console = "pgbouncer";

/** A row of SHOW POOLS or SHOW DATABASES; which columns there are depends on the version, and all are text. */
type ConsoleRow = Readonly<Record<string, string | number | null>>;

const sum = (rows: readonly ConsoleRow[], ...columns: string[]) =>
  rows.reduce((total, row) => total + columns.reduce((own, column) => own + Number(row[column] ?? 0), 0), 0);

/**
 * Server connections that the pools may open: each pool its database's pool size, all of them its max_db_connections.
 * Undefined while a database is not listed: PgBouncer leaves out one of its `*` entry that it takes for idle.
 */
function serversLimit(pools: readonly ConsoleRow[], databases: readonly ConsoleRow[]): number | undefined {
  const listed = new Set(databases.map(({ name }) => name));
  if (pools.some(({ database }) => database === undefined || !listed.has(database))) return undefined;
  return databases.reduce((total, { name, pool_size, max_connections }) => {
    const own = pools.filter(({ database }) => database === name).length * Number(pool_size ?? 0);
    const most = Number(max_connections ?? 0);
    return total + (most > 0 ? Math.min(own, most) : own);
  }, 0);
}

/** What rows of SHOW POOLS say, and the pool sizes among those of SHOW DATABASES. Columns that a version lacks count 0. */
export function poolSamples(pools: readonly ConsoleRow[], databases: readonly ConsoleRow[]): Sample[] {
  const clients = { active: sum(pools, "cl_active"), waiting: sum(pools, "cl_waiting") };
  const servers = {
    active: sum(pools, "sv_active"),
    idle: sum(pools, "sv_idle"),
    used: sum(pools, "sv_used"),
    // Being tested, logging in, or busy with cancelling; 1.18 split the latter off the active ones.
    other: sum(pools, "sv_tested", "sv_login", "sv_active_cancel", "sv_being_canceled"),
  };
  const waits = pools.map((pool) => Number(pool.maxwait ?? 0) + Number(pool.maxwait_us ?? 0) / 1e6);
  const limit = serversLimit(pools, databases);
  return [
    ...Object.entries(clients).map(([state, value]) =>
      sample("redisops_pgbouncer_clients", { role, state }, value),
    ),
    ...Object.entries(servers).map(([state, value]) =>
      sample("redisops_pgbouncer_servers", { role, state }, value),
    ),
    ...(limit === undefined ? [] : [sample("redisops_pgbouncer_servers_limit", { role }, limit)]),
    sample("redisops_pgbouncer_max_wait_seconds", { role }, Math.max(0, ...waits)),
  ];
}

/** Asks the console, which knows no parameters and no statement timeout: only SHOW, in the simple protocol. */
async function readPools(client: Client, database: string | undefined) {
  const wanted = ({ database: own }: ConsoleRow) =>
    own !== console && (database === undefined || own === database);
  const pools = await client.query<ConsoleRow>("SHOW POOLS");
  const databases = await client.query<ConsoleRow>("SHOW DATABASES");
  return poolSamples(pools.rows.filter(wanted), databases.rows);
}

function consoleError(error: unknown, target: string): RedisopsError {
  if (error instanceof RedisopsError && serverUntried(error)) return error;
  const said = messageOf(error);
  const late = postgresErrorClass(error) === "timeout";
  const message = late
    ? `${target} did not answer before the deadline`
    : said.startsWith(target)
      ? said
      : `${target}: ${said}`;
  return new RedisopsError("PGBOUNCER_UNAVAILABLE", message, { target, cause: error });
}

/** Whether PgBouncer answers, and whether its pools make clients wait. */
export function pgbouncerProbe(config: PgBouncerConfig): Probe {
  const target = `PgBouncer at ${config.address}`;
  return {
    name: "pgbouncer",
    role,
    group: role,
    target: role,
    address: target,
    async run(emit, { left }) {
      const late = () => new Error("timeout");
      try {
        const { client, close } = await connectPostgres(
          { ...config, database: console },
          { connect: left(), statement: 0 },
          target,
        );
        try {
          const samples = await withDeadline(readPools(client, config.database), left(), late);
          for (const observed of samples) emit(observed);
        } finally {
          await close();
        }
      } catch (error) {
        throw consoleError(error, target);
      }
    },
    conclude(error) {
      if (error !== undefined && serverUntried(error)) return [];
      return [sample("redisops_pgbouncer_up", { role }, error === undefined ? 1 : 0)];
    },
  };
}
