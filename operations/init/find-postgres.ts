import type { Client } from "pg";
import type { PostgresConfig } from "../../core/config/postgres-section.ts";
import { Secret } from "../../core/config/secret.ts";
import { withDeadline } from "../../core/deadline.ts";
import { messageOf, RedisopsError } from "../../core/errors.ts";
import { connectPostgres } from "../../core/postgres/connect.ts";
import { withPostgres } from "../../exporters/postgres-session.ts";
import { type Draft, noAddress } from "./draft.ts";
import { guessTables, type ListedTable, preferenceTables } from "./guess-tables.ts";
import { answerDeadline, askFor, type InitRequest, tlsOf } from "./request.ts";

/** Tables that are looked at, at most. */
const mostTables = 5_000;

const tablesQuery = `
  SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname ELSE n.nspname || '.' || c.relname END AS name,
    c.reltuples::float8 AS rows,
    (SELECT json_object_agg(a.attname, format_type(a.atttypid, NULL)) FROM pg_attribute a
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition
    AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  ORDER BY pg_table_is_visible(c.oid) DESC, n.nspname, c.relname LIMIT ${mostTables}`;

/** A name that redisops.yaml takes: letters, digits, underscores, with a schema or without. */
const usableName = /^[A-Za-z_][A-Za-z0-9_$]*(?:\.[A-Za-z_][A-Za-z0-9_$]*)?$/;

async function listTables(client: Client): Promise<ListedTable[]> {
  const { rows } = await client.query<{
    name: string;
    rows: number;
    columns: Readonly<Record<string, string>> | null;
  }>(tablesQuery);
  return rows
    .filter(({ name }) => usableName.test(name))
    .map(({ name, rows: count, columns }) => ({
      name,
      rows: count,
      columns: new Map(Object.entries(columns ?? {})),
    }));
}

/** A section as redisops.yaml has it, and as a connection takes it. */
type Access = Readonly<Record<"address" | "database" | "user", string>> & {
  readonly password?: string;
  readonly tls?: object;
};

const connectable = ({ password, ...rest }: Access): PostgresConfig => ({
  ...rest,
  tables: {},
  ...(password !== undefined && { password: new Secret(password) }),
});

async function accessOf(address: string, request: InitRequest): Promise<Access> {
  const { ask } = request;
  const database = request.postgresDatabase ?? (await ask?.("Postgres database", "postgres")) ?? "postgres";
  const user = request.postgresUser ?? (await ask?.("Postgres user", "redisops")) ?? "redisops";
  const password =
    request.postgresPassword ??
    (await askFor("reference", ask, "Reference to its password (${NAME} or file:/path; nothing for none)"));
  return { address, database, user, ...(password ? { password } : {}), ...tlsOf("postgres", request) };
}

function writeTables(draft: Draft, tables: readonly ListedTable[]): void {
  const guesses = guessTables(tables);
  draft.set("postgres.tables", {});
  for (const { section, values, why } of guesses) {
    const beside = section === "preferences" ? preferenceTables(tables) : {};
    draft.set(`postgres.tables.${section}`, { ...values, ...beside }, why);
  }
  const found = new Set(guesses.map(({ section }) => section));
  for (const section of ["sent_notifications", "pending_deliveries", "preferences", "messages"] as const) {
    if (found.has(section)) continue;
    draft.todo(
      `postgres.tables.${section}`,
      `no table has its columns among the ${tables.length} that this user sees.`,
      `Name it, as docs/configuration.md describes, where the platform has one.`,
    );
  }
}

/** Rows of a table of sent notifications, doubled for growth; undefined where Postgres has no estimate. */
function sizeBySent(tables: readonly ListedTable[]): number | undefined {
  const sent = guessTables(tables).find(({ section }) => section === "sent_notifications");
  const rows = sent?.table.rows ?? -1;
  return rows >= 50 ? Math.ceil(rows * 2) : undefined;
}

/** What became of Postgres. */
export interface FoundPostgres {
  readonly database: string | undefined;
  /** Ids that a filter has to hold by the table of sent notifications. */
  readonly sent: number | undefined;
}

/** Finds the tables that redisops reads, and writes them down. */
export async function findPostgres(draft: Draft, request: InitRequest): Promise<FoundPostgres> {
  const { ask, note } = request;
  const behind =
    request.postgres === undefined && request.pgbouncer !== undefined
      ? await postgresBehind(request)
      : undefined;
  const address =
    request.postgres ??
    behind?.address ??
    (await askFor("address", ask, "Postgres, host:port (not PgBouncer; nothing where there is none)"));
  if (address === undefined) {
    if (ask === undefined)
      draft.todo(
        "postgres",
        noAddress,
        "redisops init --postgres HOST:PORT --postgres-database NAME --postgres-password '${NAME}'",
      );
    return { database: undefined, sent: undefined };
  }
  note(`looking at Postgres at ${address}`);
  const access = await accessOf(address, {
    ...request,
    postgresDatabase: request.postgresDatabase ?? behind?.database,
  });
  const why = behind === undefined ? undefined : `PgBouncer at ${request.pgbouncer} leads to it.`;
  try {
    const tables = await withPostgres(connectable(access), 2 * answerDeadline, listTables);
    draft.set("postgres", access, why);
    writeTables(draft, tables);
    return { database: access.database, sent: sizeBySent(tables) };
  } catch (error) {
    const { message, next } =
      error instanceof RedisopsError ? error : new RedisopsError("INTERNAL", messageOf(error));
    draft.todo("postgres", `${message}.`, `${next} Then run redisops init again.`);
    return { database: undefined, sent: undefined };
  }
}

interface Console {
  readonly address: string;
  readonly user: string;
  readonly password?: string;
}

function consoleOf({
  pgbouncer = "",
  pgbouncerUser,
  postgresUser,
  pgbouncerPassword,
  postgresPassword,
}: InitRequest): Console {
  const password = pgbouncerPassword ?? postgresPassword;
  return {
    address: pgbouncer,
    user: pgbouncerUser ?? postgresUser ?? "redisops",
    ...(password !== undefined && { password }),
  };
}

/** Asks PgBouncer's console. Rejects with a RedisopsError. */
async function show<Row extends object>(bouncer: Console, what: string): Promise<Row[]> {
  const config = { ...connectable({ ...bouncer, database: "pgbouncer" }) };
  const target = `PgBouncer at ${bouncer.address}`;
  const { client, close } = await connectPostgres(config, { connect: answerDeadline, statement: 0 }, target);
  try {
    const late = () =>
      new RedisopsError("PGBOUNCER_UNAVAILABLE", `${target} did not answer before the deadline`);
    return (await withDeadline(client.query<Row>(`SHOW ${what}`), answerDeadline, late)).rows;
  } finally {
    await close();
  }
}

/** The server behind PgBouncer, where there is just one. */
async function postgresBehind(
  request: InitRequest,
): Promise<{ address: string; database: string | undefined } | undefined> {
  try {
    const rows = await show<{ name: string; host: string | null; port: number; database: string | null }>(
      consoleOf(request),
      "DATABASES",
    );
    const remote = rows.filter(({ name, host }) => name !== "pgbouncer" && host !== null);
    const addresses = [...new Set(remote.map(({ host, port }) => `${host}:${port}`))];
    const databases = [...new Set(remote.map(({ database }) => database ?? ""))];
    const [address] = addresses;
    if (address === undefined || addresses.length > 1) return undefined;
    return { address, database: databases.length === 1 ? databases[0] : undefined };
  } catch {
    // Whether its console can be asked is told where it is written down.
    return undefined;
  }
}

/** Writes PgBouncer down where its console can be asked; Postgres must be there already. */
export async function findPgBouncer(draft: Draft, request: InitRequest): Promise<void> {
  if (draft.sections.postgres === undefined) return;
  const asked =
    request.pgbouncer ??
    (await askFor("address", request.ask, "PgBouncer, host:port (nothing where there is none)"));
  if (!asked) return;
  const bouncer = consoleOf({ ...request, pgbouncer: asked });
  try {
    const pools = await show<{ database: string }>(bouncer, "POOLS");
    draft.set("postgres.pgbouncer", bouncer, `Its console shows ${pools.length} pools to this user.`);
  } catch (error) {
    draft.todo(
      "postgres.pgbouncer",
      `${messageOf(error)}.`,
      `In pgbouncer.ini: stats_users = ${bouncer.user}, with its password in auth_file. Then:`,
      [
        "postgres:",
        "  pgbouncer:",
        ...Object.entries(bouncer).map(([name, value]) => `    ${name}: ${JSON.stringify(value)}`),
      ],
    );
  }
}
