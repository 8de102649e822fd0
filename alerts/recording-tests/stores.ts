import { constant, growing, type RecordingTest, type Reported } from "./world.ts";

/** Entries as each exporter sees them, and connections as each process reports them. */
const registry = (entries: readonly number[], connections: readonly number[]): Reported[] => [
  ...entries.map((value, index) => ({
    series: `redisops_registry_entries{job="redisops",instance="exporter-${index}",role="registry"}`,
    values: constant(value),
  })),
  ...connections.map((value, index) => ({
    series: `redisops_registry_connections{job="servers",instance="server-${index}",role="registry"}`,
    values: constant(value),
  })),
];

const coverage = (ratio: number) => ({
  "redisops:registry_coverage:ratio": { 'role="registry"': ratio },
});

const capacity: Reported = {
  series: 'redisops_preference_read_capacity{role="preferences",source="declared"}',
  values: constant(50_000),
};

/** Preference reads per second of an application. */
const reads = (instance: string, perSecond: number, source = "cache"): Reported => ({
  series: `redisops_preference_read_seconds_count{job="workers",instance="${instance}",role="preferences",source="${source}"}`,
  values: growing(60 * perSecond),
});

/** Hits per second of a server of the cache, as an exporter sees it. */
const hits = (node: string, exporter: string, perSecond: number): Reported => ({
  series: `redisops_redis_keyspace_hits_total{job="redisops",instance="${exporter}",role="preferences",node="${node}"}`,
  values: growing(60 * perSecond),
});

const headroom = (...ratios: readonly number[]) => ({
  "redisops:preferences_headroom:ratio": Object.fromEntries(
    ratios.map((ratio) => ['role="preferences"', ratio]),
  ),
});

/** Coverage of the registry, and what the preferences cache spares Postgres. */
export const storeTests: readonly RecordingTest[] = [
  {
    name: "coverage of two servers’ connections, seen by two exporters",
    reported: registry([400, 400], [200, 200]),
    recorded: coverage(1),
  },
  { name: "a registry that lost its entries", reported: registry([0], [200, 200]), recorded: coverage(0) },
  {
    name: "no connections, nothing to cover",
    reported: registry([3], [0]),
    recorded: { "redisops:registry_coverage:ratio": {} },
  },
  {
    name: "5 M reads a second before a Postgres of 50 K",
    reported: [
      capacity,
      reads("worker-1", 2_000_000),
      reads("worker-2", 3_000_000),
      reads("worker-2", 1_250_000, "postgres"),
    ],
    recorded: {
      ...headroom(0.01),
      "redisops:preferences_cache_hit:ratio": { 'role="preferences"': 0.8 },
    },
  },
  {
    name: "a cache that nothing reads",
    reported: [capacity, reads("worker-1", 0)],
    recorded: { ...headroom(), "redisops:preferences_cache_hit:ratio": {} },
  },
  {
    name: "no application reports reads: the cache’s servers’ own counts, each once",
    reported: [
      capacity,
      hits("n1", "exporter-1", 500_000),
      hits("n1", "exporter-2", 500_000),
      hits("n2", "exporter-1", 500_000),
    ],
    recorded: headroom(0.05),
  },
];
