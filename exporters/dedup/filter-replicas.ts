import type { FilterConfig } from "../../core/config/redis-section.ts";
import { type RedisopsError, toRedisopsError } from "../../core/errors.ts";
import type { FilterState } from "../../core/filter/filter.ts";
import { openFilter } from "../../core/filter/open-filter.ts";
import { type Sample, sample } from "../../core/samples.ts";
import type { Scrape } from "../probe.ts";
import { onNode } from "../redis/each-shard.ts";
import { connectedReplicas, InfoFields } from "../redis/info.ts";
import type { RoleConnections } from "../redis/role-connections.ts";
import { serverUntried } from "../role-availability.ts";

/** Most replicas that are looked at: each has three series, and a role has 40 at most. */
const mostReplicas = 4;

/** Addresses of the replicas that could be promoted: as the Sentinels list them, else as the primary does. */
async function replicasOf(connections: RoleConnections, left: Scrape["left"]): Promise<readonly string[]> {
  const { shards, nodes } = await connections.topology();
  const [shard] = shards;
  if (shard === undefined) return [];
  if (shard.replicas !== undefined) {
    const up = new Set(nodes.filter(({ declaredDown }) => !declaredDown).map(({ address }) => address));
    return shard.replicas.filter((address) => up.has(address));
  }
  return onNode(connections, shard.primary, left, async ({ client }) =>
    connectedReplicas(new InfoFields(await client.info("replication"))).map(({ address }) => address),
  );
}

/** The same of a replica as is reported of the primary, in short. */
async function probeReplica(
  connections: RoleConnections,
  address: string,
  config: FilterConfig,
  known: Promise<readonly string[] | undefined>,
  { left }: Pick<Scrape, "left">,
  emit: (sample: Sample) => void,
): Promise<void> {
  const labels = { role: "dedup", node: address } as const;
  const readable = (value: 0 | 1) => emit(sample("redisops_bloom_replica_readable", labels, value));
  let state: FilterState;
  let present: readonly boolean[] | undefined;
  try {
    [state, present] = await onNode(connections, address, left, async (connection) => {
      const filter = openFilter(connection, config);
      const [read, ids] = await Promise.all([filter.state(), known]);
      return [read, ids === undefined ? undefined : await filter.has(ids)];
    });
  } catch (error) {
    if (!serverUntried(error)) readable(0);
    throw error;
  }
  readable(1);
  emit(sample("redisops_bloom_replica_fill_ratio", labels, state.fillRatio));
  if (present === undefined || present.length === 0) return;
  const absent = present.filter((found) => !found).length;
  emit(sample("redisops_bloom_replica_canary_absent_ratio", labels, absent / present.length));
}

/**
 * Looks at the filter on each replica: one that is promoted cold forgets what was sent. `known` are the known-sent ids that
 * the primary is asked for as well. Answers why those that could not be looked at could not.
 */
export async function probeReplicas(
  connections: RoleConnections,
  config: FilterConfig,
  known: Promise<readonly string[] | undefined>,
  scrape: Pick<Scrape, "left">,
  emit: (sample: Sample) => void,
): Promise<readonly RedisopsError[]> {
  const addresses = await replicasOf(connections, scrape.left);
  const outcomes = await Promise.all(
    [...new Set(addresses)]
      .toSorted()
      .slice(0, mostReplicas)
      .map((address) =>
        probeReplica(connections, address, config, known, scrape, emit).then(() => [], toList),
      ),
  );
  return outcomes.flat();
}

const toList = (error: unknown): RedisopsError[] => [toRedisopsError(error)];
