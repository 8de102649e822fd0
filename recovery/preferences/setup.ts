import type { Client } from "pg";
import type { PostgresConfig, PreferencesConfig } from "../../core/config/postgres-section.ts";
import type { PreferencesRecoveryConfig } from "../../core/config/recovery-section.ts";
import type { RolesConfig } from "../../core/config/redis-section.ts";
import type { Config } from "../../core/config/schema.ts";
import { parseDuration } from "../../core/duration.ts";
import { RedisopsError } from "../../core/errors.ts";
import { connectPostgres, type PostgresConnection } from "../../core/postgres/connect.ts";
import { postgresError } from "../../core/postgres/postgres-error.ts";
import { CacheEntries } from "./cache-entries.ts";

/** Milliseconds to connect, for a Redis command, and for a statement. */
export const timeouts = { connect: 5_000, command: 10_000, statement: 30_000 };

/** The parts of the configuration that the recovery needs. */
export interface PreferencesSetup {
  readonly cache: NonNullable<RolesConfig["preferences"]>;
  readonly postgres: PostgresConfig;
  readonly tables: PreferencesConfig;
  readonly recovery: PreferencesRecoveryConfig;
  /** A statement that takes longer, in milliseconds, says that Postgres has no room for more. */
  readonly slowReadMs: number;
}

/** Picks what the recovery needs. Throws CONFIG_INCOMPLETE, naming what is missing. */
export function preferencesSetup({ roles, postgres, recovery }: Config): PreferencesSetup {
  if (roles.preferences === undefined) {
    throw new RedisopsError(
      "CONFIG_INCOMPLETE",
      "redisops.yaml has no roles.preferences: there is no cache to mend",
    );
  }
  const tables = postgres?.tables.preferences;
  if (postgres === undefined || tables === undefined) {
    throw new RedisopsError(
      "CONFIG_INCOMPLETE",
      "redisops.yaml has no postgres.tables.preferences: there is nothing to hold the cache against",
    );
  }
  return {
    cache: roles.preferences,
    postgres,
    tables,
    recovery: recovery.preferences,
    slowReadMs: parseDuration(recovery.limits.postgres_latency.pause),
  };
}

/** Both stores, opened. */
export interface Stores {
  readonly entries: CacheEntries;
  readonly database: PostgresConnection;
}

/** Opens both stores for the time of some work. Rejects with a RedisopsError when one of them cannot be reached. */
export async function withStores<T>(
  setup: PreferencesSetup,
  work: (stores: Stores) => Promise<T>,
): Promise<T> {
  const database = await connectPostgres(setup.postgres, timeouts);
  try {
    const entries = await CacheEntries.open(setup.cache, timeouts);
    try {
      return await work({ entries, database });
    } finally {
      entries.close();
    }
  } finally {
    await database.close();
  }
}

/** Asks Postgres something; what fails is an error for the reader. */
export async function ask<T>(
  { client, target }: PostgresConnection,
  question: (client: Client) => Promise<T>,
): Promise<T> {
  try {
    return await question(client);
  } catch (error) {
    throw postgresError(error, target);
  }
}
