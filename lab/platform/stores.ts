import { type PgBouncerServer, startPgBouncer } from "../servers/pgbouncer.ts";
import { type PostgresServer, startPostgres } from "../servers/postgres.ts";
import { type RedisServer, startRedis } from "../servers/redis.ts";
import { type RedisCluster, startRedisCluster } from "../servers/redis-cluster.ts";
import { startReplica } from "../servers/redis-replica.ts";
import { type Sentinels, startSentinels } from "../servers/sentinel.ts";
import type { Workspace } from "../workspace.ts";
import { Member } from "./member.ts";
import { shardCount } from "./shards.ts";
import type { Stopwatch } from "./stopwatch.ts";

/** The name under which the Sentinels know the filter's primary. */
export const dedupPrimaryName = "dedup";

/**
 * A snapshot at an orderly stop: `restart` brings the data back, a crash loses it, as with a store that is only a cache or
 * can be filled from elsewhere.
 */
const keptAtStop = ["save 3600 1"];
/** Every write survives a crash of the process. */
const keptAlways = ["appendonly yes", "appendfsync everysec"];

/** The filter's Redis: a primary with a replica, watched by three Sentinels. */
export interface DedupServers {
  readonly servers: readonly RedisServer[];
  readonly sentinels: Sentinels;
}

/** The standalone servers. */
export interface StandaloneServers {
  readonly registry: RedisServer;
  readonly rateLimit: RedisServer;
  readonly sequence: RedisServer;
}

/** Everything that keeps data. */
export interface Stores extends StandaloneServers {
  readonly cluster: RedisCluster;
  readonly dedup: DedupServers;
  readonly postgres: PostgresServer;
  readonly pgbouncer: PgBouncerServer;
}

/** Starts all stores at the same time. `prepare` is awaited with Postgres, as soon as that is up. */
export async function startStores(
  workspace: Workspace,
  stopwatch: Stopwatch,
  prepare: (postgres: PostgresServer) => Promise<void>,
): Promise<Stores> {
  const [database, cluster, dedup, standalone] = await Promise.all([
    stopwatch.time("Postgres and PgBouncer", async () => {
      // Tables that fill from nothing are planned badly until they are looked at, by default only once a minute.
      // It is killed here: what was committed has to be there afterwards.
      const settings = { autovacuum_naptime: "5s", synchronous_commit: "on" };
      const postgres = await startPostgres(workspace, { settings });
      const [pgbouncer] = await Promise.all([startPgBouncer(workspace, { postgres }), prepare(postgres)]);
      return { postgres, pgbouncer };
    }),
    stopwatch.time("Redis Cluster", () =>
      startRedisCluster(workspace, {
        name: "cluster",
        shards: shardCount,
        replicasPerShard: 1,
        config: ["cluster-require-full-coverage no"],
      }),
    ),
    stopwatch.time("filter with Sentinels", () => startDedup(workspace)),
    stopwatch.time("standalone Redis", () => startStandalone(workspace)),
  ]);
  return { ...standalone, ...database, cluster, dedup };
}

async function startDedup(workspace: Workspace): Promise<DedupServers> {
  const primary = await startRedis(workspace, { name: "dedup-primary", config: keptAlways });
  const replica = await startReplica(workspace, primary, { name: "dedup-replica", config: keptAlways });
  const sentinels = await startSentinels(workspace, {
    name: "sentinel",
    primary,
    primaryName: dedupPrimaryName,
    downAfterMs: 3_000,
  });
  return { servers: [primary, replica], sentinels };
}

async function startStandalone(workspace: Workspace): Promise<StandaloneServers> {
  const [registry, rateLimit, sequence] = await Promise.all([
    startRedis(workspace, { name: "registry", config: keptAtStop }),
    startRedis(workspace, { name: "rate-limit", config: keptAtStop }),
    startRedis(workspace, { name: "sequence", config: keptAlways }),
  ]);
  return { registry, rateLimit, sequence };
}

/** The stores as members of the platform. */
export function storeMembers(stores: Stores): Member[] {
  const { registry, rateLimit, sequence, cluster, dedup, postgres, pgbouncer } = stores;
  const redis = (server: RedisServer, part: string, options: object = {}) =>
    new Member({ name: server.name, part, port: server.port, ...options }, server);
  return [
    redis(registry, "connection registry", { roles: ["registry"] }),
    redis(rateLimit, "message counters", { roles: ["rate_limit"] }),
    redis(sequence, "sequence counters", { roles: ["sequence"] }),
    ...cluster.nodes.map(({ server, shard, createdAs }) =>
      redis(server, `Redis Cluster, shard ${shard}, started as ${createdAs}`, {
        roles: ["preferences", "token_bucket"],
        shard,
      }),
    ),
    ...dedup.servers.map((server) => redis(server, "deduplication filter", { roles: ["dedup"] })),
    ...dedup.sentinels.servers.map((server) => redis(server, "Sentinel of the filter")),
    new Member({ name: "postgres", part: "durable store", port: postgres.port }, postgres),
    new Member(
      { name: "pgbouncer", part: "connection pool before Postgres", port: pgbouncer.port },
      pgbouncer,
    ),
  ];
}
