import type { MetricName } from "../../catalog/metrics.ts";
import type { Role } from "../../catalog/roles.ts";
import type { Sample } from "../../core/samples.ts";
import type { ProbeResult } from "../probe.ts";
import type { ContractProbe } from "../redis/contract-probe.ts";

/** A replica that is behind by more than this, in bytes, is worth a line; less is what a busy primary always has under way. */
const worthwhileLag = 1024 ** 2;
/** Most servers that are named one by one. */
const mostNamed = 3;

const percent = (ratio: number) => `${(ratio * 100).toFixed(1)} %`;

/** `12 MB`, 1024 based. */
function size(bytes: number): string {
  const units = ["bytes", "KB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const value = bytes / 1024 ** power;
  return `${value >= 10 ? Math.round(value) : Number(value.toFixed(1))} ${units[power]}`;
}

/** Lines of which only some are shown. */
function shortened(lines: readonly string[], what: string): string[] {
  if (lines.length <= mostNamed) return [...lines];
  const shown = lines.slice(0, mostNamed - 1);
  return [...shown, `and ${lines.length - shown.length} more ${what}`];
}

class Observed {
  readonly #samples: readonly Sample[];

  constructor(samples: readonly Sample[]) {
    this.#samples = samples;
  }

  all(metric: MetricName): readonly Sample[] {
    return this.#samples.filter((sample) => sample.metric === metric);
  }

  value(metric: MetricName, label?: "node" | "shard", value?: string): number | undefined {
    return this.all(metric).find((sample) => label === undefined || sample.labels[label] === value)?.value;
  }
}

function shardFacts(observed: Observed): string[] {
  const shards = observed.all("redisops_shard_up");
  const up = shards.filter(({ value }) => value === 1).length;
  const available = observed.value("redisops_role_key_space_available_ratio");
  const without =
    available === undefined || available > 0.9999
      ? ""
      : `; ${percent(1 - available)} of the key space is without`;
  return [
    ...(shards.length > 1 ? [`${up} of ${shards.length} shards accept writes${without}`] : []),
    ...((observed.value("redisops_cluster_views") ?? 1) > 1
      ? ["nodes disagree about who serves which slots"]
      : []),
  ];
}

function nodeFacts(observed: Observed): string[] {
  const named = (metric: MetricName, differs: (value: number) => boolean) =>
    observed.all(metric).filter(({ value }) => differs(value));
  const loading = new Set(
    named("redisops_redis_loading", (value) => value === 1).map(({ labels }) => labels.node),
  );
  const down = named("redisops_redis_up", (value) => value === 0).map(({ labels }) =>
    loading.has(labels.node) ? `${labels.node} is loading its data` : `${labels.node} does not answer`,
  );
  const unlinked = named("redisops_redis_replication_link_up", (value) => value === 0).map(
    ({ labels }) => `replica ${labels.node} has lost its primary`,
  );
  const behind = named("redisops_redis_replication_lag_bytes", (value) => value > worthwhileLag).map(
    ({ labels, value }) => `replica ${labels.node} is ${size(value)} behind`,
  );
  const left = observed.value("redisops_redis_nodes_left_out") ?? 0;
  // Of a role with one server its state says so already.
  const alone = observed.all("redisops_redis_up").length === 1;
  return [
    ...(alone ? [] : shortened(down, "servers do not answer")),
    ...shortened(unlinked, "replicas have lost their primaries"),
    ...shortened(behind, "replicas are behind"),
    ...(left > 0 ? [`${left} servers were not asked`] : []),
  ];
}

function redundancyFacts(observed: Observed): string[] {
  const shards = observed.all("redisops_shard_replicas_expected");
  const lacking = shards.flatMap(({ labels, value }) => {
    const inSync = observed.value("redisops_shard_replicas_in_sync", "shard", labels.shard);
    if (inSync === undefined || inSync >= value) return [];
    const who = shards.length > 1 ? `shard ${labels.shard} has ` : "";
    return [`${who}${inSync} of ${value} replicas in sync`];
  });
  return shortened(lacking, "shards lack replicas");
}

function sentinelFacts(observed: Observed): string[] {
  const asked = observed.all("redisops_sentinel_up").length;
  const reachable = observed.value("redisops_sentinels_reachable");
  if (reachable === undefined) return [];
  const needed = observed.value("redisops_sentinels_needed");
  const answer = `${reachable} of ${asked} ${asked === 1 ? "Sentinel answers" : `Sentinels ${reachable === 1 ? "answers" : "answer"}`}`;
  const suspended = observed
    .all("redisops_sentinel_tilt")
    .filter(({ value }) => value === 1)
    .map(({ labels }) => `Sentinel ${labels.node} has suspended itself (TILT)`);
  const strays = observed
    .all("redisops_sentinel_primary_agreed")
    .filter(({ value }) => value === 0)
    .map(({ labels }) => `Sentinel ${labels.node} names another primary`);
  if (observed.value("redisops_sentinel_failover_possible") !== 0) return [answer, ...suspended, ...strays];
  if (observed.value("redisops_sentinel_promotable_replicas") === 0) {
    return [`failover impossible: no replica can be promoted; ${answer}`, ...suspended, ...strays];
  }
  const wanted = needed === undefined ? "" : `, ${needed} are needed`;
  return [`failover impossible: ${answer}${wanted}`, ...suspended, ...strays];
}

const isContractProbe = (probe: ProbeResult["probe"]): probe is ContractProbe => "violations" in probe;

/** Where a role's servers are not set up as the role needs them, one fact each. `results` are those of the role's probes. */
export function contractFacts(role: Role, results: readonly ProbeResult[]): string[] {
  return results.flatMap(({ probe }) => {
    if (probe.role !== role || !isContractProbe(probe)) return [];
    return [
      ...probe.violations.map(({ rule, observed, declared, cost, where }) => {
        const [first = "", ...others] = where;
        const at = others.length > 0 ? `${first} and ${others.length} more` : first;
        return `contract violated: ${rule} is ${observed} at ${at}, ${declared} is right: ${cost}`;
      }),
      ...probe.unjudged.map((rule) => `contract: ${rule} cannot be judged, the servers do not tell it`),
    ];
  });
}

/** What on-call needs of a role's Redis servers, one short fact each. `results` are those of the role's probes. */
export function redisFacts(role: Role, results: readonly ProbeResult[]): string[] {
  const own = results.filter(({ probe }) => probe.role === role);
  const observed = new Observed(own.flatMap(({ samples }) => samples));
  return [
    ...shardFacts(observed),
    ...nodeFacts(observed),
    ...redundancyFacts(observed),
    ...sentinelFacts(observed),
  ];
}
