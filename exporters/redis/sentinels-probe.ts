import type { RedisRole } from "../../catalog/roles.ts";
import { toRedisopsError } from "../../core/errors.ts";
import { describeTarget, type SentinelConfig } from "../../core/redis/connect.ts";
import { type Sample, sample } from "../../core/samples.ts";
import type { Probe } from "../probe.ts";
import { serverUntried } from "../role-availability.ts";
import { RunState } from "./run-state.ts";
import { hasFlag, type SentinelView } from "./sentinel-view.ts";

/** Views by the address of the Sentinel; undefined for one that failed. */
type Views = Map<string, SentinelView | undefined>;

const countOf = (view: SentinelView, field: string): number | undefined => {
  const text = view.primary.get(field) ?? "";
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
};

/** What one Sentinel says of itself and of the primary. */
function viewSamples(labels: Readonly<Record<"role" | "node", string>>, view: SentinelView): Sample[] {
  const quorum = countOf(view, "quorum");
  const others = countOf(view, "num-other-sentinels");
  return [
    sample("redisops_sentinel_up", labels, 1),
    ...(quorum === undefined ? [] : [sample("redisops_sentinel_quorum", labels, quorum)]),
    ...(others === undefined ? [] : [sample("redisops_sentinel_known_others", labels, others)]),
    sample("redisops_sentinel_config_epoch", labels, view.epoch),
    ...(view.tilt === undefined ? [] : [sample("redisops_sentinel_tilt", labels, view.tilt ? 1 : 0)]),
    sample("redisops_sentinel_primary_subjectively_down", labels, hasFlag(view.primary, "s_down") ? 1 : 0),
    sample("redisops_sentinel_primary_objectively_down", labels, hasFlag(view.primary, "o_down") ? 1 : 0),
  ];
}

/** Sentinels that a failover takes: the quorum must see the primary down, a majority must elect who promotes. */
export function sentinelsNeeded(views: readonly Pick<SentinelView, "primary">[]): {
  readonly needed: number;
  /** Sentinels that exist, by the word of the one that knows most. */
  readonly voters: number;
} {
  const most = (field: string) => Math.max(...views.map(({ primary }) => Number(primary.get(field)) || 0));
  const voters = 1 + most("num-other-sentinels");
  return { voters, needed: Math.max(most("quorum"), Math.floor(voters / 2) + 1) };
}

/** How the Sentinels stand together. */
function groupSamples(role: RedisRole, configured: number, views: readonly SentinelView[]): Sample[] {
  const reachable = sample("redisops_sentinels_reachable", { role }, views.length);
  const possible = (value: 0 | 1) => sample("redisops_sentinel_failover_possible", { role }, value);
  if (views.length === 0) return [reachable, possible(0)];
  const epoch = Math.max(...views.map((view) => view.epoch));
  // Any of them may come to lead the failover, and each looks at the replicas for itself every few seconds.
  const promotable = Math.min(...views.filter((view) => view.epoch === epoch).map((view) => view.promotable));
  const { needed, voters } = sentinelsNeeded(views);
  const acting = views.filter(({ tilt }) => tilt !== true);
  // Of Sentinels that redisops.yaml does not name nothing is known but what the others say.
  const enough = configured < voters || acting.length >= needed;
  const quorate = acting.some(({ quorumReached }) => quorumReached !== false);
  return [
    reachable,
    sample("redisops_sentinels_needed", { role }, needed),
    sample("redisops_sentinel_promotable_replicas", { role }, promotable),
    possible(enough && quorate && promotable > 0 ? 1 : 0),
  ];
}

/** Whether each Sentinel names the primary that the one with the latest failover names. */
function agreementSamples(role: RedisRole, views: Views): Sample[] {
  const told = [...views].flatMap(([node, view]) => (view === undefined ? [] : [{ node, view }]));
  const epoch = Math.max(...told.map(({ view }) => view.epoch));
  const primaryOf = ({ topology }: SentinelView) => topology.shards[0]?.primary;
  const latest = told.find(({ view }) => view.epoch === epoch);
  return told.map(({ node, view }) =>
    sample(
      "redisops_sentinel_primary_agreed",
      { role, node },
      latest !== undefined && primaryOf(view) === primaryOf(latest.view) ? 1 : 0,
    ),
  );
}

/** Every Sentinel of a role: whether it answers, what it sees, and whether a failover is possible now. */
export function sentinelsProbe(role: RedisRole, config: SentinelConfig): Probe {
  const runs = new RunState<Views>(() => new Map());
  const sentinels = [...new Set(config.sentinels)];
  return {
    name: "sentinels",
    role,
    group: role,
    target: role,
    address: describeTarget(role, config),
    async run(emit, scrape) {
      const connections = scrape.redis(role);
      const views = runs.of(scrape);
      const failures = await Promise.all(
        sentinels.map(async (node) => {
          try {
            const view = await connections.sentinel(config, node);
            views.set(node, view);
            for (const observed of viewSamples({ role, node }, view)) emit(observed);
            return undefined;
          } catch (error) {
            if (!serverUntried(error)) {
              views.set(node, undefined);
              emit(sample("redisops_sentinel_up", { role, node }, 0));
            }
            return toRedisopsError(error);
          }
        }),
      );
      const failure = failures.find((failed) => failed !== undefined);
      if (failure !== undefined) throw failure;
    },
    conclude(error, _emitted, scrape) {
      const views = runs.of(scrape);
      const cutOff = error?.code === "PROBE_TIMEOUT";
      if (views.size === 0 && !cutOff) return [];
      const answered = [...views.values()].filter((view) => view !== undefined);
      const hung = cutOff ? sentinels.filter((node) => !views.has(node)) : [];
      return [
        ...hung.map((node) => sample("redisops_sentinel_up", { role, node }, 0)),
        ...agreementSamples(role, views),
        ...groupSamples(role, sentinels.length, answered),
      ];
    },
  };
}
