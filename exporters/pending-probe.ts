import type { PendingDeliveriesConfig, PostgresConfig } from "../core/config/postgres-section.ts";
import type { RolesConfig } from "../core/config/redis-section.ts";
import { depthAndOldest, highestShare, sampleRecipients } from "../core/pending-deliveries/backlog.ts";
import { describePostgres } from "../core/postgres/connect.ts";
import type { NodeConnection } from "../core/redis/connect.ts";
import { registryKeys } from "../core/registry/entry.ts";
import { connectedUsers } from "../core/registry/lookup.ts";
import { sample } from "../core/samples.ts";
import { withPostgres } from "./postgres-session.ts";
import type { Probe } from "./probe.ts";
import type { RoleConnections } from "./redis/role-connections.ts";

const labels = { role: "registry" } as const;

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
