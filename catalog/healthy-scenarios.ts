import type { HealthySeries } from "./healthy-series/healthy-series.ts";
import { healthySeries } from "./healthy-series.ts";
import { type MetricDefinition, metrics } from "./metrics.ts";
import type { AlertScenario, FaultSeries } from "./mode.ts";

/** Minutes that each of these worlds lasts. */
const length = 90;

/** What the contract says of a series; of a histogram’s series that of the histogram. */
const definitionOf = ({ metric }: HealthySeries): MetricDefinition | undefined =>
  new Map<string, MetricDefinition>(Object.entries(metrics)).get(
    metric in metrics ? metric : metric.replace(/_(?:bucket|sum|count)$/, ""),
  );

const isCounter = (series: HealthySeries) => definitionOf(series)?.type !== "gauge" && series.metric !== "up";
const byApplications = (series: HealthySeries) => definitionOf(series)?.emitter === "application";
const byExporters = (series: HealthySeries) => definitionOf(series)?.emitter === "exporter";

/** A series over time; what it does at the end goes on. */
const over = ({ metric, labels }: HealthySeries, runs: FaultSeries["runs"]): FaultSeries => ({
  metric,
  labels,
  runs,
});

/** A value that is another one for some minutes, from the given one on. */
const brief = (
  metric: FaultSeries["metric"],
  labels: FaultSeries["labels"],
  from: number,
  minutes: number,
  usual: number,
  other: number | "stale",
): FaultSeries => ({
  metric,
  labels,
  runs: [
    { value: usual, samples: from },
    { value: other, samples: minutes },
    { value: usual, samples: length - from - minutes },
  ],
});

/** A value that is another one from the given minute on. */
const turn = (
  metric: FaultSeries["metric"],
  labels: FaultSeries["labels"],
  from: number,
  before: number,
  after: number,
): FaultSeries => ({
  metric,
  labels,
  runs: [
    { value: before, samples: from },
    { value: after, samples: length - from },
  ],
});

/** A counter whose process is started again: it begins anew, having been away for some minutes. */
const counterReset = (series: HealthySeries, from: number, away: number): FaultSeries => {
  const increase = series.increase ?? 0;
  return over(series, [
    { value: increase, samples: from },
    ...(away > 0 ? [{ value: "stale", samples: away } as const] : []),
    { value: -increase * from, samples: 1 },
    { value: increase, samples: length - from - away - 1 },
  ]);
};

/** A gauge whose process is away for some minutes. */
const away = (series: HealthySeries, from: number, minutes: number): FaultSeries =>
  brief(series.metric, series.labels, from, minutes, series.value, "stale");

const silentAt = (...moments: readonly string[]): AlertScenario["expect"] =>
  moments.map((at) => ({ at, firing: [] }));

const always = silentAt("0m", "1m", "5m", "11m", "30m", "60m", "89m");

/** Every 0 a 1 and every 1 a 0, for one scrape. */
const flipped = (series: HealthySeries): readonly FaultSeries[] =>
  isCounter(series) || (series.value !== 0 && series.value !== 1)
    ? []
    : [brief(series.metric, series.labels, 20, 1, series.value, 1 - series.value)];

const started = { before: 1_767_225_600, after: 1_767_312_000 } as const;
const dedup = { role: "dedup" } as const;
const clusterRoles = ["preferences", "token_bucket"] as const;

/** A replica of a shard is made the primary on demand: the old one stays up and follows. */
const orderedClusterFailover = (shard: number, from: number): FaultSeries[] =>
  clusterRoles.flatMap((role) => [
    turn("redisops_shard_config_epoch", { role, shard: String(shard) }, from, shard + 11, shard + 21),
    brief("redisops_shard_up", { role, shard: String(shard) }, from, 1, 1, 0),
    brief("redisops_shard_replicas_in_sync", { role, shard: String(shard) }, from, 2, 1, 0),
    brief("redisops_role_key_space_available_ratio", { role }, from, 1, 1, 0.833333),
    brief("redisops_cluster_views", { role }, from, 1, 1, 2),
    turn("redisops_cluster_current_epoch", { role }, from, 16, 21),
  ]);

/** A server of the cluster is restarted: away for one scrape, then it copies its primary. */
const restarted = (shard: number, server: "a" | "b", from: number): FaultSeries[] =>
  clusterRoles.flatMap((role) => {
    const node = { role, node: `cluster-${shard}${server}:6379` };
    return [
      brief("redisops_redis_up", node, from, 1, 1, 0),
      turn("redisops_redis_start_timestamp_seconds", node, from, started.before, started.after),
    ];
  });

/**
 * Worlds in which every alert is silent but the heartbeat. What all alerts are silent on goes here; what looks like one
 * mode and is none stands among that mode's own scenarios.
 */
export const healthyScenarios: readonly AlertScenario[] = [
  {
    name: "standalone servers, Sentinels and a cluster of six shards, all healthy",
    faults: [],
    expect: always,
  },
  {
    name: "no traffic: no application counts anything",
    faults: healthySeries
      .filter((series) => byApplications(series) && isCounter(series))
      .map((series) => over(series, [{ value: 0, samples: length }])),
    expect: always,
  },
  {
    name: "no application reports anything at all",
    faults: healthySeries
      .filter(byApplications)
      .map((series) => over(series, [{ value: "stale", samples: length }])),
    expect: always,
  },
  {
    name: "the Sentinels make the filter’s replica the primary on demand",
    faults: [
      turn("redisops_shard_config_epoch", { ...dedup, shard: "0" }, 20, 13, 14),
      ...[0, 1, 2].map((sentinel) =>
        turn("redisops_sentinel_config_epoch", { ...dedup, node: `sentinel-${sentinel}:26379` }, 20, 13, 14),
      ),
      brief("redisops_role_up", dedup, 20, 1, 1, 0),
      brief("redisops_role_failure", { ...dedup, error_class: "readonly" }, 20, 1, 0, 1),
      brief("redisops_role_key_space_available_ratio", dedup, 20, 1, 1, 0),
      brief("redisops_shard_up", { ...dedup, shard: "0" }, 20, 1, 1, 0),
      brief("redisops_shard_replicas_in_sync", { ...dedup, shard: "0" }, 20, 2, 1, 0),
      brief("redisops_role_contract_violated", { ...dedup, rule: "replicas" }, 20, 2, 0, 1),
      brief("redisops_sentinel_promotable_replicas", dedup, 20, 2, 1, 0),
      brief("redisops_sentinel_failover_possible", dedup, 20, 2, 1, 0),
      brief("redisops_bloom_readable", dedup, 20, 1, 1, 0),
      // The former primary follows the new one from now on, with a partial copy or a full one.
      brief("redisops_redis_up", { ...dedup, node: "dedup-a:6379" }, 20, 1, 1, 0),
      brief("redisops_redis_loading", { ...dedup, node: "dedup-a:6379" }, 20, 1, 0, 1),
    ],
    expect: silentAt("19m", "20m", "21m", "22m", "25m", "40m"),
  },
  {
    name: "a shard of the cluster fails over on demand",
    faults: orderedClusterFailover(3, 20),
    expect: silentAt("19m", "20m", "21m", "22m", "25m", "40m"),
  },
  {
    name: "a shard is upgraded: its replica restarts, takes over on demand, and the old primary restarts",
    faults: [...restarted(2, "b", 10), ...orderedClusterFailover(2, 20), ...restarted(2, "a", 26)],
    expect: silentAt("10m", "12m", "20m", "21m", "25m", "26m", "28m", "35m"),
  },
  {
    name: "the exporters restart together: two scrapes without any of their series, then counters from 0",
    faults: healthySeries
      .filter((series) => byExporters(series) || series.metric === "up")
      .map((series) => {
        if (series.metric === "up") return brief(series.metric, series.labels, 20, 2, 1, 0);
        return isCounter(series) ? counterReset(series, 20, 2) : away(series, 20, 2);
      }),
    expect: silentAt("19m", "20m", "21m", "22m", "23m", "26m", "40m"),
  },
  {
    name: "one of two exporters is down for good",
    faults: [turn("up", { job: "redisops", instance: "exporter-1:9910" }, 10, 1, 0)],
    expect: always,
  },
  {
    name: "replicas that lag by seconds and megabytes, as under a heavy load",
    faults: healthySeries.flatMap((series) => {
      if (series.metric === "redisops_redis_replication_lag_bytes")
        return [turn(series.metric, series.labels, 10, series.value, 8_000_000)];
      if (series.metric === "redisops_redis_replication_lag_seconds")
        return [turn(series.metric, series.labels, 10, series.value, 9)];
      return [];
    }),
    expect: always,
  },
  {
    name: "all applications are restarted within a minute: counters begin again",
    faults: healthySeries
      .filter(byApplications)
      .map((series) => (isCounter(series) ? counterReset(series, 20, 1) : away(series, 20, 1))),
    expect: silentAt("19m", "20m", "21m", "23m", "26m", "40m", "89m"),
  },
  {
    name: "one scrape in which every verdict is the opposite of what it was",
    faults: healthySeries.flatMap(flipped),
    expect: silentAt("19m", "20m", "21m", "22m", "30m"),
  },
];
