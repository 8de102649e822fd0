import { Cluster, type Redis } from "ioredis";
import type { RedisRole } from "../catalog/roles.ts";
import type { PostgresConfig } from "../core/config/postgres-section.ts";
import type { RedisConnectionConfig } from "../core/config/redis-section.ts";
import { connectPostgres } from "../core/postgres/connect.ts";
import { postgresError } from "../core/postgres/postgres-error.ts";
import { commandError, connectRedis } from "../core/redis/connect.ts";
import type { Pin } from "./recovery.ts";

/** Milliseconds to connect, and for one question. */
const timeouts = { connect: 5_000, command: 5_000, statement: 5_000 };

const infoField = (info: string, field: string) =>
  new RegExp(`^${field}:(\\S+)`, "m").exec(info)?.[1] ?? "unknown";

async function runIdOf(node: Redis): Promise<string> {
  return infoField(await node.info("server"), "run_id");
}

/**
 * Which Redis processes hold a role's data: the run id of each primary, which a restart and a failover change, and the
 * cluster's epoch, which only a cluster that was made anew sets back. Resharding changes nothing: no data is lost by it.
 * Rejects with a RedisopsError.
 */
export async function redisPins(role: RedisRole, config: RedisConnectionConfig): Promise<Pin[]> {
  const connection = await connectRedis(role, config, timeouts);
  const { client } = connection;
  const of = "target" as const;
  try {
    if (!(client instanceof Cluster)) {
      return [{ of, label: `run id of ${role} Redis`, value: await runIdOf(client) }];
    }
    const runIds = await Promise.all(client.nodes("master").map(runIdOf));
    const epoch = Number(infoField(await client.cluster("INFO"), "cluster_current_epoch"));
    return [
      { of, label: `run ids of the primaries of ${role} Redis`, value: runIds.sort().join(" ") },
      { of, label: `cluster epoch of ${role} Redis`, value: Number.isFinite(epoch) ? epoch : 0 },
    ];
  } catch (error) {
    throw commandError(error, connection);
  } finally {
    connection.close();
  }
}

/** Which Postgres holds the data: its system identifier and database. Rejects with a RedisopsError. */
export async function postgresPins(config: PostgresConfig, of: Pin["of"] = "source"): Promise<Pin[]> {
  const { client, target, close } = await connectPostgres(config, timeouts);
  try {
    const { rows } = await client.query<{ id: string }>(
      `SELECT (SELECT system_identifier FROM pg_control_system())::text || ' ' ||
              (SELECT oid FROM pg_database WHERE datname = current_database())::text AS id`,
    );
    return [{ of, label: "database of Postgres", value: rows[0]?.id ?? "unknown" }];
  } catch (error) {
    throw postgresError(error, target);
  } finally {
    await close();
  }
}

/** A pin that no longer is as it was; `now` is undefined where nothing of that name is found any more. */
export interface ChangedPin {
  readonly pin: Pin;
  readonly now: string | number | undefined;
}

/** The pins that have changed: texts that differ, numbers that have fallen. Pins that came about since do not count. */
export function changedPins(then: readonly Pin[], now: readonly Pin[]): ChangedPin[] {
  return then.flatMap((pin) => {
    const value = now.find(({ of, label }) => of === pin.of && label === pin.label)?.value;
    const same =
      typeof pin.value === "number" ? typeof value === "number" && value >= pin.value : value === pin.value;
    return same ? [] : [{ pin, now: value }];
  });
}
