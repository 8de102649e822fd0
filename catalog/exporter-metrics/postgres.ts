import type { MetricDefinition } from "../metric-definition.ts";

/** What the probes of Postgres and PgBouncer report. */
export const postgresMetrics = {
  redisops_postgres_connections: {
    type: "gauge",
    emitter: "exporter",
    help: "Client connections of the Postgres server by state.",
    labels: ["role", "state"],
  },
  redisops_postgres_connections_limit: {
    type: "gauge",
    emitter: "exporter",
    help: "Connections that are open to ordinary users: max_connections less the reserved ones.",
    labels: ["role"],
  },
  redisops_postgres_connections_refused: {
    type: "gauge",
    emitter: "exporter",
    help: "1 when Postgres had no connection left for the exporter, which then cannot count the others; else 0.",
    labels: ["role"],
  },
  redisops_postgres_hidden_sessions: {
    type: "gauge",
    emitter: "exporter",
    help: "Sessions of other users that hide their state and transaction from the exporter, which lacks pg_monitor. They count as other; the oldest transaction is left out while there are any.",
    labels: ["role"],
  },
  redisops_postgres_lock_waiters: {
    type: "gauge",
    emitter: "exporter",
    help: "Sessions that wait for a lock that another one holds.",
    labels: ["role"],
  },
  redisops_postgres_oldest_transaction_timestamp_seconds: {
    type: "gauge",
    emitter: "exporter",
    help: "When the oldest open transaction began, by the state of its session; absent for a state without one that is open for a second or longer.",
    labels: ["role", "state"],
  },
  redisops_pgbouncer_up: {
    type: "gauge",
    emitter: "exporter",
    help: "1 when PgBouncer’s console answered before the deadline, else 0.",
    labels: ["role"],
  },
  redisops_pgbouncer_clients: {
    type: "gauge",
    emitter: "exporter",
    help: "Clients of PgBouncer’s pools: waiting for a server connection, or active, which is all others, idle ones included.",
    labels: ["role", "state"],
  },
  redisops_pgbouncer_servers: {
    type: "gauge",
    emitter: "exporter",
    help: "Connections of PgBouncer’s pools to Postgres: lent to a client (active), free (idle), free for long and to be checked first (used), being opened, checked or cancelled (other).",
    labels: ["role", "state"],
  },
  redisops_pgbouncer_servers_limit: {
    type: "gauge",
    emitter: "exporter",
    help: "Connections to Postgres that PgBouncer’s present pools may open: pool_size each, max_db_connections together; without the reserve.",
    labels: ["role"],
  },
  redisops_pgbouncer_max_wait_seconds: {
    type: "gauge",
    emitter: "exporter",
    help: "How long the client that has waited longest for a server connection has waited; 0 when none waits.",
    labels: ["role"],
  },
} as const satisfies Record<string, MetricDefinition>;
