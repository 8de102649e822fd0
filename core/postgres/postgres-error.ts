import type { ErrorClass } from "../../catalog/error-class.ts";
import type { ErrorCodeName } from "../error-codes.ts";
import { messageOf, RedisopsError } from "../errors.ts";

/** The SQLSTATE or the system error code of an error, if it has one. */
function codeOf(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
}

/** What PgBouncer says to a client that sets its statement timeout. */
const fromPooler = /unsupported startup parameter/;

function verdict(error: unknown): { code: ErrorCodeName; errorClass: ErrorClass } {
  const code = codeOf(error);
  const message = messageOf(error);
  if (error instanceof AggregateError && error.errors.length > 0) return verdict(error.errors[0]);
  if (code === "ECONNREFUSED") return { code: "POSTGRES_REFUSED", errorClass: "refused" };
  if (fromPooler.test(message)) return { code: "POSTGRES_ERROR", errorClass: "other" };
  // A user, database, schema or table that an error names may be called “timeout”.
  const worded = !/^(?:28|3D|3F|42)/.test(code) && /timeout/i.test(message);
  if (code === "57014" || code === "55P03" || code === "ETIMEDOUT" || worded) {
    return { code: "POSTGRES_TIMEOUT", errorClass: "timeout" };
  }
  if (/^28/.test(code) || code === "42501" || /password must be a string|SASL/.test(message)) {
    return { code: "POSTGRES_AUTH", errorClass: "auth" };
  }
  if (code === "53300") return { code: "POSTGRES_CONNECTIONS_EXHAUSTED", errorClass: "exhausted" };
  if (code === "57P03") return { code: "POSTGRES_LOST", errorClass: "loading" };
  if (code === "42P01" || code === "42703" || code === "3F000") {
    return { code: "POSTGRES_RELATION_MISSING", errorClass: "other" };
  }
  if (
    /^(?:57P|08)/.test(code) ||
    /^E[A-Z]+$/.test(code) ||
    /terminated|Connection ended|not queryable/i.test(message)
  ) {
    return { code: "POSTGRES_LOST", errorClass: "unreachable" };
  }
  return { code: "POSTGRES_ERROR", errorClass: "other" };
}

/** In which way Postgres failed. */
export function postgresErrorClass(error: unknown): ErrorClass {
  if (!(error instanceof RedisopsError)) return verdict(error).errorClass;
  // A deadline of redisops itself has no cause.
  if (error.code === "POSTGRES_TIMEOUT" || error.code === "PROBE_TIMEOUT") return "timeout";
  return verdict(error.cause).errorClass;
}

/** Any error of a Postgres call as an error for the reader. `target` names the database and the address. */
export function postgresError(error: unknown, target: string): RedisopsError {
  if (error instanceof RedisopsError) return error;
  const message = messageOf(error);
  return new RedisopsError(verdict(error).code, `${target}: ${message}`, {
    target,
    cause: error,
    ...(fromPooler.test(message)
      ? {
          next: "Set postgres.address to Postgres itself; PgBouncer’s address belongs under postgres.pgbouncer.",
        }
      : {}),
  });
}
