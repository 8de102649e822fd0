import type { PostgresConfig } from "../../core/config/postgres-section.ts";
import type { DeliveryConfig } from "../../core/config/recovery-section.ts";
import type { RolesConfig } from "../../core/config/redis-section.ts";
import type { Config } from "../../core/config/schema.ts";
import { RedisopsError } from "../../core/errors.ts";
import type { SetAsideTables } from "./set-aside.ts";

/** Milliseconds to connect, and for one statement or command. */
export const timeouts = { connect: 5_000, statement: 30_000, command: 5_000 };

/** The parts of the configuration that the drain needs. */
export interface PendingConfig extends SetAsideTables {
  readonly postgres: PostgresConfig;
  readonly registry: NonNullable<RolesConfig["registry"]>;
  readonly delivery: DeliveryConfig;
}

/** What execution needs of a plan. */
export interface PendingDetails {
  /** When the plan was made, by Postgres's clock: what waited then is what the run is for. */
  readonly startedAt: string;
  /** Beginnings of recipients' ids between which the processes share the work. */
  readonly boundaries: readonly string[];
  /** Waiting messages, counted up to the limit. */
  readonly waiting: number;
}

function missing(what: string, why: string): RedisopsError {
  return new RedisopsError("CONFIG_INCOMPLETE", `redisops.yaml has no ${what}: ${why}`);
}

/** Picks what the drain needs. Throws CONFIG_INCOMPLETE, naming what is missing. */
export function pendingConfig({ roles, postgres, recovery }: Config): PendingConfig {
  const table = postgres?.tables.pending_deliveries;
  if (postgres === undefined || table === undefined) {
    throw missing("postgres.tables.pending_deliveries", "there are no waiting messages to hand over");
  }
  if (roles.registry === undefined) {
    throw missing("roles.registry", "it is not known who is connected where");
  }
  const { delivery, set_aside_table } = recovery.pending;
  if (delivery === undefined) {
    throw missing("recovery.pending.delivery", "it is not known how waiting messages are handed over");
  }
  return { postgres, pending: table, registry: roles.registry, delivery, aside: set_aside_table };
}
