import type { Client } from "pg";
import type { PendingDeliveriesConfig, PostgresConfig } from "../core/config/postgres-section.ts";
import type { RolesConfig } from "../core/config/redis-section.ts";
import { describePostgres, quoteName } from "../core/postgres/connect.ts";
import { sampleByTime } from "../core/postgres/sample-by-time.ts";
import { connectRedis } from "../core/redis/connect.ts";
import { connectedUsers } from "../core/registry-lookup.ts";
import { sample } from "../core/samples.ts";
import { withPostgres } from "./postgres-session.ts";
import type { Probe } from "./probe.ts";

/** Rows younger than this, in seconds, are about to be delivered and say nothing about the workers. */
const settleSeconds = 60;
/** Waiting rows whose recipients are looked up. */
const sampledRows = 200;

const labels = { role: "registry" } as const;

async function depthAndOldest(client: Client, table: PendingDeliveriesConfig, limit: number) {
  const name = quoteName(table.table);
  const createdAt = quoteName(table.created_at_column);
  const { rows } = await client.query<{ depth: string; oldest: number | null }>(
    `SELECT (SELECT count(*) FROM (SELECT 1 FROM ${name} LIMIT $1) AS waiting) AS depth,
            (SELECT extract(epoch FROM min(${createdAt}))::float8 FROM ${name}) AS oldest`,
    [limit],
  );
  return { depth: Number(rows[0]?.depth ?? 0), oldest: rows[0]?.oldest ?? undefined };
}

/** How much waits in pending_deliveries, since when, and how much of it could be delivered now. */
export function pendingProbe(
  postgres: PostgresConfig,
  table: PendingDeliveriesConfig,
  registry: RolesConfig["registry"],
  countLimit: number,
): Probe {
  return {
    name: "pending_deliveries",
    role: "registry",
    target: "pending_deliveries",
    address: `table ${table.table} of ${describePostgres(postgres)}`,
    async run(emit, left) {
      const recipients = await withPostgres(postgres, left(), async (client) => {
        const { depth, oldest } = await depthAndOldest(client, table, countLimit);
        emit(sample("redisops_pending_deliveries", labels, depth));
        if (oldest !== undefined)
          emit(sample("redisops_pending_deliveries_oldest_timestamp_seconds", labels, oldest));
        if (registry === undefined) return [];
        return sampleByTime(client, {
          table: table.table,
          column: table.user_column,
          timeColumn: table.created_at_column,
          minAgeSeconds: settleSeconds,
          count: sampledRows,
        });
      });
      if (registry === undefined) return;
      const connection = await connectRedis("registry", registry, { connect: left(), command: left() });
      try {
        const connected = await connectedUsers(connection, registry.key, recipients);
        const ratio = connected.length === 0 ? 0 : connected.filter(Boolean).length / connected.length;
        emit(sample("redisops_pending_deliveries_deliverable_ratio", labels, ratio));
      } finally {
        connection.close();
      }
    },
  };
}
