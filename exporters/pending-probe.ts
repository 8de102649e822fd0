import type { Client } from "pg";
import type { PendingDeliveriesConfig, PostgresConfig } from "../core/config/postgres-section.ts";
import type { RolesConfig } from "../core/config/redis-section.ts";
import { describePostgres, quoteName } from "../core/postgres/connect.ts";
import { sampleByTime } from "../core/postgres/sample-by-time.ts";
import type { NodeConnection } from "../core/redis/connect.ts";
import { registryKeys } from "../core/registry/entry.ts";
import { connectedUsers } from "../core/registry/lookup.ts";
import { sample } from "../core/samples.ts";
import { withPostgres } from "./postgres-session.ts";
import type { Probe } from "./probe.ts";
import type { RoleConnections } from "./redis/role-connections.ts";

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;
/**
 * Ages, in seconds, at which the bands begin that are sampled one by one: a backlog of some minutes is not to be lost
 * among what waits for weeks. Younger rows are about to be delivered and say nothing about the workers.
 */
const bandStarts = [minute, 10 * minute, hour, 6 * hour, day, 7 * day];
/** Waiting rows of a band whose recipients are looked up. */
const rowsPerBand = 40;
/** A band with fewer sampled rows says nothing: one person who has just come online would decide it. */
const minRows = 10;

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

/** Recipients of sampled waiting rows, by age band. */
async function sampleRecipients(client: Client, table: PendingDeliveriesConfig): Promise<string[][]> {
  const bands: string[][] = [];
  for (const [index, minAgeSeconds] of bandStarts.entries()) {
    const recipients = await sampleByTime(client, {
      table: table.table,
      column: table.user_column,
      timeColumn: table.created_at_column,
      minAgeSeconds,
      maxAgeSeconds: bandStarts[index + 1],
      count: rowsPerBand,
    });
    bands.push(recipients);
  }
  return bands;
}

/** Share of the rows that could be delivered now, in the band where it is highest; 0 when no band has enough rows. */
function highestShare(bands: readonly (readonly string[])[], connected: ReadonlySet<string>): number {
  const shares = bands
    .filter((band) => band.length >= minRows)
    .map((band) => band.filter((user) => connected.has(user)).length / band.length);
  return Math.max(0, ...shares);
}

/** Those of the users whom the registry shows as connected, asked of each shard in one round trip. */
async function connectedAmong(
  connections: RoleConnections,
  keyPattern: string,
  users: readonly string[],
): Promise<Set<string>> {
  const keyOf = registryKeys(keyPattern);
  const byNode = new Map<NodeConnection, string[]>();
  for (const user of users) {
    const node = await connections.primaryFor(keyOf(user));
    byNode.set(node, [...(byNode.get(node) ?? []), user]);
  }
  const connected = await Promise.all(
    [...byNode].map(async ([node, own]) => {
      const found = await connectedUsers(node, keyPattern, own);
      return own.filter((_, index) => found[index]);
    }),
  );
  return new Set(connected.flat());
}

/** The probe, and the bound up to which it counts. */
export interface PendingProbe extends Probe {
  readonly countLimit: number;
}

/** How much waits in pending_deliveries, since when, and how much of it could be delivered now. */
export function pendingProbe(
  postgres: PostgresConfig,
  table: PendingDeliveriesConfig,
  registry: RolesConfig["registry"],
  countLimit: number,
): PendingProbe {
  return {
    name: "pending_deliveries",
    countLimit,
    role: "registry",
    group: "registry",
    target: "pending_deliveries",
    address: `table ${table.table} of ${describePostgres(postgres)}`,
    async run(emit, { left, redis }) {
      const bands = await withPostgres(postgres, left(), async (client) => {
        const { depth, oldest } = await depthAndOldest(client, table, countLimit);
        emit(sample("redisops_pending_deliveries", labels, depth));
        if (oldest !== undefined)
          emit(sample("redisops_pending_deliveries_oldest_timestamp_seconds", labels, oldest));
        if (registry === undefined) return [];
        return sampleRecipients(client, table);
      });
      if (registry === undefined) return;
      const users = [...new Set(bands.flat())];
      const connected = await connectedAmong(redis("registry"), registry.key, users);
      emit(sample("redisops_pending_deliveries_deliverable_ratio", labels, highestShare(bands, connected)));
    },
  };
}
