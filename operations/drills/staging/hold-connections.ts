import { setTimeout as sleep } from "node:timers/promises";
import type { PostgresConfig } from "../../../core/config/postgres-section.ts";
import { RedisopsError } from "../../../core/errors.ts";
import {
  connectPostgres,
  describePostgres,
  type PostgresConnection,
} from "../../../core/postgres/connect.ts";
import { postgresError } from "../../../core/postgres/postgres-error.ts";
import { readSessions } from "../../../exporters/postgres/sessions.ts";
import type { CausedFault } from "../target.ts";

const timeouts = { connect: 5_000, statement: 5_000 };
/** Connections that are opened at the same time. */
const atOnce = 10;
/** Seconds without a word from redisops after which Postgres ends the sessions by itself. */
export const sessionTimeoutSeconds = 30;
/** Milliseconds between two words. */
const heartbeatMs = 5_000;
/** Connections that are left to the platform, at least. */
const leftFree = 5;

/**
 * Takes so many connections of Postgres that more than a share of all are in use, and keeps them. Each session has a
 * timeout of its own at the server, and a word from here every few seconds holds it off. Rejects with DRILL_REFUSED where
 * that would leave the platform too few, and with another RedisopsError where they cannot be had; then none is kept.
 *
 * @param share of the connections that ordinary users may have, 0..1
 */
export async function holdConnections(config: PostgresConfig, share: number): Promise<CausedFault> {
  const target = describePostgres(config);
  const held: PostgresConnection[] = [];
  const end = new AbortController();
  const open = async () => {
    const connection = await connectPostgres(config, timeouts);
    held.push(connection);
    try {
      await connection.client.query(`SET application_name = 'redisops drill'`);
      await connection.client.query(`SET idle_session_timeout = '${sessionTimeoutSeconds}s'`);
    } catch (error) {
      throw postgresError(error, target);
    }
  };
  const release = async () => {
    end.abort();
    await Promise.all(held.splice(0).map((connection) => connection.close()));
  };
  try {
    await open();
    const [first] = held;
    if (first === undefined) throw new Error("not connected");
    const { connections, limit } = await readSessions(first.client).catch((error: unknown) => {
      throw postgresError(error, target);
    });
    const used = Object.values(connections).reduce((sum, count) => sum + count, 0);
    // One more than the share, and one for who disconnects meanwhile.
    const wanted = Math.floor(limit * share) + 2 - used;
    if (used + wanted > limit - leftFree) {
      throw new RedisopsError(
        "DRILL_REFUSED",
        `${target} has ${limit} connections for ordinary users: ${used + wanted} in use would leave the platform fewer than ${leftFree}`,
        { target },
      );
    }
    for (let left = wanted; left > 0; left -= atOnce) {
      // Those that still open when one fails have to be there when all are given back.
      const opened = await Promise.allSettled(Array.from({ length: Math.min(atOnce, left) }, open));
      for (const each of opened) if (each.status === "rejected") throw each.reason;
    }
  } catch (error) {
    await release();
    throw error;
  }
  void keepAwake(held, end.signal);
  return { what: `${held.length} connections of ${target} are taken`, undo: release };
}

/** Holds the sessions' timeout off until the signal. */
async function keepAwake(held: readonly PostgresConnection[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await Promise.all(held.map(({ client }) => client.query("SELECT 1").catch(() => undefined)));
    await sleep(heartbeatMs, undefined, { signal }).catch(() => undefined);
  }
}
