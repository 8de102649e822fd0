import pg from "pg";
import { splitAddress } from "../address.ts";
import type { PostgresConfig } from "../config/postgres-section.ts";
import { readTlsFiles } from "../config/tls-files.ts";
import { withDeadline } from "../deadline.ts";
import { RedisopsError } from "../errors.ts";
import { postgresError } from "./postgres-error.ts";

/** An open connection to Postgres. */
export interface PostgresConnection {
  readonly client: pg.Client;
  /** The database and its address, for messages. */
  readonly target: string;
  /** Ends the connection; does not wait for a server that hangs. */
  close(): Promise<void>;
}

export interface PostgresTimeouts {
  /** Longest time until the connection is usable, in milliseconds. */
  readonly connect: number;
  /** Longest time for one statement, in milliseconds, enforced by the server; 0 for none. */
  readonly statement: number;
}

/** A server that does not even cancel a statement at its timeout is given this much longer, in milliseconds. */
const cancelGrace = 250;
/** Longest wait for an orderly goodbye, in milliseconds. */
const closeDeadline = 500;

/** The database and where it is configured to be, such as `Postgres messenger at db:5432`. */
export function describePostgres(config: Pick<PostgresConfig, "database" | "address">): string {
  return `Postgres ${config.database} at ${config.address}`;
}

/** What a pg client or pool needs to reach Postgres; `target` is for messages. Throws SECRET_UNRESOLVED. */
export function postgresClientOptions(config: Omit<PostgresConfig, "tables" | "pgbouncer">, target: string) {
  return {
    ...splitAddress(config.address),
    database: config.database,
    user: config.user,
    password: config.password?.reveal(),
    ssl:
      config.tls === undefined
        ? false
        : {
            ...readTlsFiles(config.tls, target),
            ...(config.tls.server_name === undefined ? {} : { servername: config.tls.server_name }),
          },
  };
}

/**
 * The same for a pool, whose new connections log in with what the password's reference stands for by then. Throws
 * SECRET_UNRESOLVED where it stands for nothing at first.
 */
export function postgresPoolOptions(config: Omit<PostgresConfig, "tables" | "pgbouncer">, target: string) {
  const options = postgresClientOptions(config, target);
  let { password } = options;
  return {
    ...options,
    password: () => {
      try {
        password = config.password?.reveal();
      } catch {
        // The one that was read before may still be right.
      }
      return password ?? "";
    },
  };
}

/**
 * Connects to Postgres, or to what speaks its protocol, as `target` says to the reader. Rejects with a RedisopsError, at
 * the latest when `timeouts.connect` is over.
 */
export async function connectPostgres(
  config: Omit<PostgresConfig, "tables" | "pgbouncer">,
  timeouts: PostgresTimeouts,
  target = describePostgres(config),
): Promise<PostgresConnection> {
  const client = new pg.Client({
    ...postgresClientOptions(config, target),
    application_name: "redisops",
    connectionTimeoutMillis: timeouts.connect,
    statement_timeout: timeouts.statement,
    ...(timeouts.statement > 0 ? { query_timeout: timeouts.statement + cancelGrace } : {}),
  });
  // Without a listener a connection that dies while idle would end the process.
  client.on("error", () => undefined);
  const close = async () => {
    await withDeadline(client.end(), closeDeadline, () => new Error("still open")).catch(() => {
      client.connection.stream.destroy();
    });
  };
  try {
    await withDeadline(
      client.connect(),
      timeouts.connect,
      () => new RedisopsError("POSTGRES_TIMEOUT", `${target} did not answer before the deadline`, { target }),
    );
  } catch (error) {
    await close();
    throw postgresError(error, target);
  }
  return { client, target, close };
}

/** A SQL name, quoted part by part. */
export function quoteName(name: string): string {
  return name
    .split(".")
    .map((part) => pg.escapeIdentifier(part))
    .join(".");
}
