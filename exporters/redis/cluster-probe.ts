import type { RedisRole } from "../../catalog/roles.ts";
import type { RedisConnectionConfig } from "../../core/config/redis-section.ts";
import { type RedisopsError, toRedisopsError } from "../../core/errors.ts";
import { describeTarget } from "../../core/redis/connect.ts";
import { type Sample, sample } from "../../core/samples.ts";
import type { Probe } from "../probe.ts";
import { askedNodes } from "./asked-nodes.ts";
import type { InfoFields } from "./info.ts";
import { mostViews } from "./role-connections.ts";
import { RunState } from "./run-state.ts";

/** What a run has learned so far. */
interface Learned {
  /** CLUSTER INFO of each primary that answered. */
  readonly infos: InfoFields[];
  /** What the nodes say about who serves which slots. */
  readonly slotMaps: Set<string>;
}

const slotStates = [
  ["assigned", "cluster_slots_assigned", Math.min],
  ["ok", "cluster_slots_ok", Math.min],
  ["pfail", "cluster_slots_pfail", Math.max],
  ["fail", "cluster_slots_fail", Math.max],
] as const;

/** The primaries' opinions in one: the worst of them, and of numbers that only rise the highest. */
export function clusterSamples(role: RedisRole, { infos, slotMaps }: Learned): Sample[] {
  const numbers = (field: string) => infos.flatMap((info) => info.count(field) ?? []);
  const states = infos.flatMap((info) => info.either("cluster_state", "ok", "fail") ?? []);
  const known = numbers("cluster_known_nodes");
  const epochs = numbers("cluster_current_epoch");
  return [
    ...(states.length > 0
      ? [sample("redisops_cluster_state_ok", { role }, states.every(Boolean) ? 1 : 0)]
      : []),
    ...slotStates.flatMap(([state, field, worst]) => {
      const counts = numbers(field);
      return counts.length > 0 ? [sample("redisops_cluster_slots", { role, state }, worst(...counts))] : [];
    }),
    ...(known.length > 0 ? [sample("redisops_cluster_known_nodes", { role }, Math.max(...known))] : []),
    ...(epochs.length > 0 ? [sample("redisops_cluster_current_epoch", { role }, Math.max(...epochs))] : []),
    ...(slotMaps.size > 0 ? [sample("redisops_cluster_views", { role }, slotMaps.size)] : []),
  ];
}

/** How a cluster stands as a whole: its state, its slots, and whether its nodes agree. */
export function clusterProbe(role: RedisRole, config: RedisConnectionConfig): Probe {
  const runs = new RunState<Learned>(() => ({ infos: [], slotMaps: new Set() }));
  return {
    name: "cluster",
    role,
    group: role,
    target: role,
    address: describeTarget(role, config),
    async run(emit, scrape) {
      const connections = scrape.redis(role);
      const { infos, slotMaps } = runs.of(scrape);
      const { nodes, shards, uncoveredRatio } = await connections.topology();
      emit(sample("redisops_cluster_uncovered_ratio", { role }, uncoveredRatio));
      const { asked } = askedNodes(nodes);
      const addresses = new Set(asked.map(({ address }) => address));
      const primaries = shards.map(({ primary }) => primary).filter((address) => addresses.has(address));
      const viewed = asked.filter(({ declaredDown }) => !declaredDown).slice(0, mostViews);
      /** One node that does not answer is the other probes’ news; here the others’ word counts. */
      const failure = (error: unknown): RedisopsError => toRedisopsError(error);
      const [outcomes] = await Promise.all([
        Promise.all(
          primaries.map((address) =>
            connections.facts(address).then(({ cluster }) => {
              if (cluster !== undefined) infos.push(cluster);
              return undefined;
            }, failure),
          ),
        ),
        ...viewed.map(({ address }) =>
          connections.clusterView(address).then(({ slotMap }) => void slotMaps.add(slotMap), failure),
        ),
      ]);
      const failed = outcomes.find((outcome) => outcome !== undefined);
      if (infos.length === 0 && failed !== undefined) throw failed;
    },
    conclude: (_error, _emitted, scrape) => clusterSamples(role, runs.of(scrape)),
  };
}
