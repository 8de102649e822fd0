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
} as const satisfies Record<string, MetricDefinition>;
