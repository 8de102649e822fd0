import type { MetricName } from "../../catalog/metrics.ts";
import type { Config } from "../../core/config/schema.ts";
import { parseDuration } from "../../core/duration.ts";

/**
 * Where a figure comes from.
 *
 * - `option`: `--set` on the command line;
 * - `live`: the platform itself, by Prometheus, the probes or Postgres;
 * - `config`: redisops.yaml;
 * - `earlier runs`: recoveries that were carried out on this machine;
 * - `example`: the platform of `--example`;
 * - `assumed`: nobody said; the figure's sentence says why it is not unlikely.
 */
export const origins = ["option", "live", "config", "earlier runs", "example", "assumed"] as const;

/** One of {@link origins}. */
export type Origin = (typeof origins)[number];

/** A number that the model starts from. */
export interface Figure {
  readonly value: number;
  readonly from: Origin;
  /** How it came about: an expression, a key of redisops.yaml, or the reason of an assumption. */
  readonly how: string;
}

type Labels = Readonly<Record<string, string>>;

interface FigureDefinition {
  /** What it is, for the reader; with its unit. */
  readonly what: string;
  readonly unit: "per second" | "ratio" | "seconds" | "count";
  /** What Prometheus knows of it. */
  readonly promql?: string;
  /** Where there is no Prometheus: the largest sample of the probes, or all of them together. */
  readonly gauge?: { readonly metric: MetricName; readonly labels?: Labels; readonly combine: "max" | "sum" };
  /** Where there is no Prometheus: rows of the last minute in a table of Postgres. */
  readonly rowsOf?: "sent_notifications" | "messages";
  /** Where redisops.yaml has it, and what is there. */
  readonly declared?: { readonly key: string; readonly read: (config: Config) => number | undefined };
  /** A setting of redisops itself: redisops.yaml goes before what was seen. */
  readonly setting?: true;
  /** A value of nothing is as good as none. */
  readonly positive?: true;
}

const seconds = (text: string | undefined) => (text === undefined ? undefined : parseDuration(text) / 1_000);
const decisions = (role: string) => `sum(rate(redisops_decisions_total{role="${role}"}[5m]))`;
const reads = (source: string) => `sum(rate(redisops_preference_read_seconds_count{source="${source}"}[5m]))`;

type SimpleKey = Exclude<keyof Config["capacity"], "providers" | "outage" | "postgres_read_time">;
const own = (key: SimpleKey) => ({
  key: `capacity.${key}`,
  read: (config: Config) => config.capacity[key],
});

/** Every figure that the model starts from. */
export const figureDefinitions = {
  outage_seconds: {
    what: "length of the failure",
    unit: "seconds",
    declared: { key: "capacity.outage", read: ({ capacity }) => seconds(capacity.outage) },
    setting: true,
    positive: true,
  },
  notifications_per_second: {
    what: "notifications, of all workers",
    unit: "per second",
    promql: decisions("preferences"),
    rowsOf: "sent_notifications",
    declared: own("notifications_per_second"),
    positive: true,
  },
  workers: {
    what: "worker processes",
    unit: "count",
    promql: `count(count by (job, instance) (redisops_decisions_total{role="preferences"}))`,
    declared: own("workers"),
    positive: true,
  },
  cache_hit_ratio: {
    what: "preference reads that the cache answers",
    unit: "ratio",
    promql: `clamp_min(1 - (${reads("postgres")} or vector(0)) / (${reads("cache")} > 0), 0)`,
    declared: own("cache_hit_ratio"),
  },
  notified_people: {
    what: "people notified within an entry's life",
    unit: "count",
    promql: `sum(max by (node) (redisops_redis_keys{role="preferences"} and on (role, node) redisops_redis_info{kind="primary"}))`,
    gauge: { metric: "redisops_redis_keys", labels: { role: "preferences" }, combine: "max" },
    declared: own("notified_people"),
    positive: true,
  },
  opted_out_ratio: {
    what: "notifications whose recipient has opted out",
    unit: "ratio",
    declared: own("opted_out_ratio"),
  },
  preferences_shards: {
    what: "shards of the preferences cache",
    unit: "count",
    promql: `count(count by (shard) (redisops_shard_up{role="preferences"}))`,
    positive: true,
  },
  postgres_reads_per_second: {
    what: "preference reads that Postgres serves",
    unit: "per second",
    promql: "max(redisops_preference_read_capacity)",
    declared: {
      key: "postgres.tables.preferences.reads_per_second",
      read: ({ postgres }) => postgres?.tables.preferences?.reads_per_second,
    },
    setting: true,
    positive: true,
  },
  postgres_read_seconds: {
    what: "a read of an idle Postgres",
    unit: "seconds",
    promql: `max(redisops_preference_probe_read_seconds{source="postgres"})`,
    gauge: {
      metric: "redisops_preference_probe_read_seconds",
      labels: { source: "postgres" },
      combine: "max",
    },
    declared: {
      key: "capacity.postgres_read_time",
      read: ({ capacity }) => seconds(capacity.postgres_read_time),
    },
    positive: true,
  },
  postgres_connections: {
    what: "PgBouncer's connections to Postgres",
    unit: "count",
    promql: "max(redisops_pgbouncer_servers_limit)",
    gauge: { metric: "redisops_pgbouncer_servers_limit", combine: "max" },
    positive: true,
  },
  warm_reads_per_second: {
    what: "reads of redisops recover preferences",
    unit: "per second",
    declared: {
      key: "recovery.preferences.read_share",
      read: ({ recovery, postgres }) => {
        const capacity = postgres?.tables.preferences?.reads_per_second;
        return capacity === undefined ? undefined : recovery.preferences.read_share * capacity;
      },
    },
    setting: true,
    positive: true,
  },
  repeated_ratio: {
    what: "notifications that the queue hands out twice",
    unit: "ratio",
    promql: `sum(rate(redisops_duplicates_suppressed_total[5m])) / (${decisions("dedup")} > 0)`,
    declared: own("repeated_ratio"),
  },
  sent_ids: {
    what: "ids in the filter",
    unit: "count",
    promql: "max(redisops_bloom_estimated_ids)",
    gauge: { metric: "redisops_bloom_estimated_ids", combine: "max" },
    declared: own("sent_ids"),
    positive: true,
  },
  filter_capacity_ids: {
    what: "ids that the filter is sized for",
    unit: "count",
    promql: "max(redisops_bloom_capacity_ids)",
    declared: {
      key: "roles.dedup.filter.capacity",
      read: ({ roles }) => roles.dedup?.filter.capacity,
    },
    setting: true,
    positive: true,
  },
  filter_error_ratio: {
    what: "new ids that a full filter takes for known",
    unit: "ratio",
    promql: "max(redisops_bloom_target_false_positive_ratio)",
    declared: {
      key: "roles.dedup.filter.error_rate",
      read: ({ roles }) => roles.dedup?.filter.error_rate,
    },
    setting: true,
    positive: true,
  },
  rebuild_ids_per_second: {
    what: "ids that redisops recover bloom takes in",
    unit: "per second",
    declared: own("rebuild_ids_per_second"),
    positive: true,
  },
  messages_per_second: {
    what: "messages that are routed",
    unit: "per second",
    promql: decisions("registry"),
    rowsOf: "messages",
    declared: own("messages_per_second"),
    positive: true,
  },
  connected_ratio: {
    what: "messages whose recipient is connected",
    unit: "ratio",
    promql: `clamp(1 - (sum(rate(redisops_messages_deferred_total[5m])) or vector(0)) / (${decisions("registry")} > 0), 0, 1)`,
    declared: own("connected_ratio"),
  },
  recipients: {
    what: "connected people who get messages",
    unit: "count",
    promql: "sum(redisops_registry_connections) or max(redisops_registry_entries)",
    declared: own("recipients"),
    positive: true,
  },
  drain_messages_per_second: {
    what: "messages that the drain hands over",
    unit: "per second",
    declared: own("drain_messages_per_second"),
    positive: true,
  },
  registry_entries: {
    what: "entries of the registry",
    unit: "count",
    promql: "max(redisops_registry_entries)",
    gauge: { metric: "redisops_registry_entries", combine: "max" },
    positive: true,
  },
  registry_entries_per_second: {
    what: "entries that redisops recover registry writes",
    unit: "per second",
    declared: own("registry_entries_per_second"),
    positive: true,
  },
  refused_per_second: {
    what: "messages that the rate limit refuses",
    unit: "per second",
    promql: "sum(rate(redisops_rate_limited_total[5m]))",
    declared: own("refused_per_second"),
  },
  sequence_peak_per_second: {
    what: "messages of the busiest conversation",
    unit: "per second",
    declared: {
      key: "recovery.sequence.peak_rate",
      read: ({ recovery }) => recovery.sequence.peak_rate,
    },
    setting: true,
    positive: true,
  },
  failover_window_seconds: {
    what: "increments that a failover can lose",
    unit: "seconds",
    declared: {
      key: "recovery.sequence.failover_window",
      read: ({ recovery }) => seconds(recovery.sequence.failover_window),
    },
    setting: true,
  },
} as const satisfies Record<string, FigureDefinition>;

/** Name of a figure, as `--set` and the JSON have it. */
export type FigureName = keyof typeof figureDefinitions;

/** Their names, in the order in which they are shown. */
export const figureNames = Object.keys(figureDefinitions) as FigureName[];

/** A figure's definition without what is particular to it. */
export function figureDefinition(name: FigureName): FigureDefinition {
  return figureDefinitions[name];
}

/** A provider's accounts and what is sent through them. */
export interface ProviderFigures {
  readonly provider: string;
  /** Notifications a second. */
  readonly load: Figure;
  /** Requests a second that each account grants. */
  readonly limits: readonly number[];
}

/** What the model starts from. A figure that nobody knows and nobody may assume is missing. */
export interface Figures {
  readonly values: Readonly<Partial<Record<FigureName, Figure>>>;
  readonly providers: readonly ProviderFigures[];
}
