import type { Client } from "pg";
import type { PostgresConfig } from "../core/config/postgres-section.ts";
import { withDeadline } from "../core/deadline.ts";
import { RedisopsError } from "../core/errors.ts";
import { connectPostgres } from "../core/postgres/connect.ts";
import { postgresError } from "../core/postgres/postgres-error.ts";
import { countdown } from "./probe.ts";

/**
 * Connects to Postgres and works there, for at most the given milliseconds in all. Rejects with a RedisopsError. The
 * server ends a statement that takes longer; the deadline here is for one that does not even do that.
 */
export async function withPostgres<T>(
  config: PostgresConfig,
  milliseconds: number,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const left = countdown(milliseconds);
  const { client, target, close } = await connectPostgres(config, { connect: left(), statement: left() });
  try {
    return await withDeadline(
      work(client),
      left(),
      () => new RedisopsError("POSTGRES_TIMEOUT", `${target} did not answer before the deadline`, { target }),
    );
  } catch (error) {
    throw postgresError(error, target);
  } finally {
    await close();
  }
}
