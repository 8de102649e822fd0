import type { HealthySeries } from "./healthy-series.ts";

const postgres = { role: "postgres" } as const;

/** A server of 100 connections, three of them reserved, behind PgBouncer with a pool of 20. */
export const healthyPostgres: readonly HealthySeries[] = [
  { metric: "redisops_role_up", labels: postgres, value: 1 },
  { metric: "redisops_postgres_connections", labels: { ...postgres, state: "active" }, value: 12 },
  { metric: "redisops_postgres_connections", labels: { ...postgres, state: "idle" }, value: 30 },
  { metric: "redisops_postgres_connections_limit", labels: postgres, value: 97 },
  { metric: "redisops_postgres_connections_refused", labels: postgres, value: 0 },
  { metric: "redisops_pgbouncer_up", labels: postgres, value: 1 },
  { metric: "redisops_pgbouncer_clients", labels: { ...postgres, state: "active" }, value: 40 },
  { metric: "redisops_pgbouncer_clients", labels: { ...postgres, state: "waiting" }, value: 0 },
  { metric: "redisops_pgbouncer_servers", labels: { ...postgres, state: "active" }, value: 9 },
  { metric: "redisops_pgbouncer_servers", labels: { ...postgres, state: "idle" }, value: 6 },
  { metric: "redisops_pgbouncer_servers_limit", labels: postgres, value: 20 },
  { metric: "redisops_pgbouncer_max_wait_seconds", labels: postgres, value: 0 },
];
