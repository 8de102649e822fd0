/** Label names of the metric contract; each has a bounded set of values (see docs/metrics.md). */
export const labelMeanings = {
  role: "the Redis role, `postgres` or `self`",
  fallback:
    "offline, fail_open, timestamp_id, postgres, unverified, opted_in, skip_dedup, breaker_only: what stood in for the role’s store",
  source: "cache or postgres; of a capacity measured or declared",
  priority: "critical, high, normal or bulk",
  probe:
    "the kind of probe: redis, nodes, sentinels, cluster, contract, registry, rate_limit, sequence, bloom, pending_deliveries, token_buckets, postgres, pgbouncer, runs, preferences, provider",
  target:
    "what the probe was pointed at: the role, pending_deliveries (the table), runs (the table), or provider/account as named in redisops.yaml",
  error_class:
    "refused, timeout, unreachable, auth, exhausted, loading, readonly, out_of_memory, write_refused, cluster_down, other",
  state:
    "active, idle, idle_in_transaction, other; of PgBouncer also waiting, used; of cached preferences current, outdated, stale, missing, unknown_layout; of a cluster’s slots assigned, ok, pfail, fail",
  node: "host:port of one of the role’s servers or Sentinels, as the topology names it; a server that is gone takes its series along",
  shard:
    "0, 1, ... in the order of the lowest slot that a shard of a Redis Cluster serves; 0 where the role is no cluster",
  kind: "primary or replica",
  rule: "persistence, eviction, replicas, min_replicas_to_write, maxmemory: what of a role’s contract was judged",
  provider: "the provider as named in redisops.yaml",
  account: "the account as named in redisops.yaml (never the provider’s own identifier)",
  status_class: "2xx, 3xx, 4xx (without 429), 429, 5xx, none (no answer)",
  recovery: "the recovery as redisops recover names it, such as bloom or registry",
  mode: "the degradation mode that a drill brings about, by its id",
  version: "the released version of redisops, or of a Redis server",
} as const;

export type LabelName = keyof typeof labelMeanings;

export interface MetricDefinition {
  readonly type: "gauge" | "counter" | "histogram";
  /** Who emits it: the exporter's probes, or the platform's own processes (through redisops/fallbacks or by themselves). */
  readonly emitter: "exporter" | "application" | "both";
  readonly help: string;
  readonly labels: readonly LabelName[];
  /** Upper bounds of a histogram's buckets, in its unit. */
  readonly buckets?: readonly number[];
}
