import { setTimeout as delay } from "node:timers/promises";
import { Cluster, Redis } from "ioredis";
import type { RedisRole } from "../../catalog/roles.ts";
import type { PostgresConfig } from "../../core/config/postgres-section.ts";
import type { RecoveryLimits } from "../../core/config/recovery-section.ts";
import type { RedisConnectionConfig } from "../../core/config/redis-section.ts";
import { withDeadline } from "../../core/deadline.ts";
import { parseDuration } from "../../core/duration.ts";
import { describePostgres } from "../../core/postgres/connect.ts";
import { ReconnectingPostgres } from "../../core/postgres/reconnecting.ts";
import { connectRedis, type RedisConnection } from "../../core/redis/connect.ts";
import { AwaitedTime } from "./awaited-time.ts";
import type { Load } from "./load.ts";

/** Milliseconds between two readings. */
const interval = 500;
const connectDeadline = 3_000;

const shownTime = (ms: number) => (ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);
const shownBytes = (bytes: number) => `${(bytes / 1_048_576).toFixed(1)} MiB`;

/** How far the replica that is furthest behind is behind its primary, in bytes; 0 without replicas that are online. */
export function replicationLag(info: string): number {
  const own = Number(/^master_repl_offset:(\d+)/m.exec(info)?.[1] ?? 0);
  const offsets = [...info.matchAll(/^slave\d+:.*state=online,offset=(\d+)/gm)].map(([, offset]) =>
    Number(offset),
  );
  return Math.max(0, ...offsets.map((offset) => own - offset));
}

/**
 * Reports the time of an answer while it is still passing: a server that hangs must not go unnoticed until it answers.
 * What this process itself was too busy for does not count.
 */
export async function timed(
  load: Load,
  what: string,
  limits: { pause: number; abort: number },
  ask: () => Promise<unknown>,
) {
  const awaited = new AwaitedTime();
  const report = () => {
    const value = awaited.ms;
    load.report({ what, value, ...limits, shown: shownTime(value) });
  };
  const ticking = setInterval(report, Math.max(50, limits.pause));
  try {
    await withDeadline(ask(), limits.abort + 100, () => new Error("no answer"));
  } finally {
    clearInterval(ticking);
    awaited.stop();
    report();
  }
}

async function watchRedisNode(load: Load, node: Redis, name: string, limits: RecoveryLimits): Promise<void> {
  const latency = {
    pause: parseDuration(limits.redis_latency.pause),
    abort: parseDuration(limits.redis_latency.abort),
  };
  let info = "";
  await timed(load, `latency of ${name}`, latency, async () => {
    info = await node.info("replication");
  });
  const lag = replicationLag(info);
  load.report({
    what: `replication lag of ${name}`,
    value: lag,
    ...limits.replication_lag,
    shown: shownBytes(lag),
  });
}

const primaries = ({ client }: RedisConnection): Redis[] =>
  client instanceof Cluster ? client.nodes("master") : client instanceof Redis ? [client] : [];

/** Reads a role's primaries once and again until the signal aborts; a server that is lost is connected to anew. */
async function watchRedis(
  load: Load,
  role: RedisRole,
  config: RedisConnectionConfig,
  limits: RecoveryLimits,
  signal: AbortSignal,
): Promise<void> {
  const command = parseDuration(limits.redis_latency.abort) + 1_000;
  let connection: RedisConnection | undefined;
  while (!signal.aborted) {
    try {
      connection ??= await connectRedis(role, config, { connect: connectDeadline, command });
      await Promise.all(
        primaries(connection).map((node) =>
          watchRedisNode(load, node, `${role} Redis at ${node.options.host}:${node.options.port}`, limits),
        ),
      );
    } catch {
      // What cannot be reached fails the run's own commands, and says so better.
      connection?.close();
      connection = undefined;
    }
    await delay(interval, undefined, { signal }).catch(() => undefined);
  }
  connection?.close();
}

async function watchPostgres(
  load: Load,
  postgres: PostgresConfig,
  limits: RecoveryLimits,
  signal: AbortSignal,
): Promise<void> {
  const latency = {
    pause: parseDuration(limits.postgres_latency.pause),
    abort: parseDuration(limits.postgres_latency.abort),
  };
  const target = describePostgres(postgres);
  const database = new ReconnectingPostgres(postgres, { connect: connectDeadline, statement: latency.abort });
  while (!signal.aborted) {
    try {
      let used = 0;
      // The connection must be there before time is taken: making one takes longer than a statement.
      await database.work((client) => client.query("SELECT"));
      await timed(load, `latency of ${target}`, latency, async () => {
        const { rows } = await database.work((client) =>
          client.query<{ used: number }>(
            `SELECT sum(numbackends)::float8 / current_setting('max_connections')::float8 AS used FROM pg_stat_database`,
          ),
        );
        used = rows[0]?.used ?? 0;
      });
      load.report({
        what: `share of connections in use of ${target}`,
        value: used,
        ...limits.postgres_connections,
        shown: `${(used * 100).toFixed(0)} %`,
      });
    } catch {
      load.forget(`share of connections in use of ${target}`);
      load.forget(`latency of ${target}`);
    }
    await delay(interval, undefined, { signal }).catch(() => undefined);
  }
  await database.close();
}

/** Watches what a recovery may overload, until the signal aborts. Never rejects. */
export async function monitorLoad(
  load: Load,
  watched: {
    readonly role: RedisRole;
    readonly redis: RedisConnectionConfig | undefined;
    readonly postgres: PostgresConfig | undefined;
    readonly limits: RecoveryLimits;
  },
  signal: AbortSignal,
): Promise<void> {
  const { role, redis, postgres, limits } = watched;
  await Promise.all([
    redis === undefined ? undefined : watchRedis(load, role, redis, limits, signal),
    postgres === undefined ? undefined : watchPostgres(load, postgres, limits, signal),
  ]);
}
