import type { DegradationMode } from "../mode.ts";

export const PostgresPoolSaturated: DegradationMode = {
  id: "PostgresPoolSaturated",
  title: "Postgres is running out of connections",
  role: "postgres",
  severity: "ticket",
  nature: "cause",
  origin:
    "When a cache is away, Postgres takes its reads. It serves tens of thousands of reads a second, the cache millions: the connection pool is the first thing to give way, and every fallback ends there.",
  signal: {
    kind: "threshold",
    measure: { metric: "redisops_postgres_connections" },
    over: { metric: "redisops_postgres_connections_limit" },
    aggregate: "sum",
    by: ["role"],
    comparison: ">",
    limit: "used_ratio",
    // A full pool keeps the exporter out as well: then nothing is left to count, and the 1 reads as 100 %.
    or: {
      kind: "threshold",
      measure: { metric: "redisops_postgres_connections_refused" },
      aggregate: "max",
      by: ["role"],
      comparison: "==",
      limit: 1,
    },
  },
  thresholds: {
    for: {
      value: "2m",
      unit: "duration",
      reason: "A deployment opens old and new pools side by side for under a minute.",
    },
    used_ratio: {
      value: 0.85,
      unit: "ratio",
      reason:
        "The soft limit for pools that GitLab’s public saturation rules use as well; the remaining 15 % is one more worker fleet’s pool.",
    },
  },
  summary: "Postgres uses {{ $value | humanizePercentage }} of its connections",
  description:
    "{{ $value | humanizePercentage }} of the connections open to ordinary users are taken. At 100 % new workers cannot connect, and every fallback that reads from Postgres stops working.",
  userImpact:
    "None yet. When the limit is reached, messages cannot be stored and preferences cannot be read.",
  containment: "Workers read through bounded pools, so that they queue instead of opening more connections.",
  aggravators: [
    "A Redis role going down now: its fallback needs the connections that are missing.",
    "Raising max_connections far up: each connection costs memory, and throughput falls.",
  ],
  normal: "Under 60 % at peak, with few connections idle in transaction.",
  frequency: "During a preferences-cache outage, or when a deployment leaves its old pools open.",
  prevention: "Put PgBouncer in transaction mode before Postgres and bound every worker’s pool.",
  diagnosis: [
    {
      command: "redisops status --role postgres",
      branches: [
        {
          observed: "state “exhausted”",
          conclusion:
            "No connection is left, not even for redisops. End idle sessions now, through a superuser’s reserved connection; then let redisops use a reserved one (docs/security.md).",
        },
        {
          observed: "most connections active",
          conclusion:
            "Real load. Look for a Redis role that is down and bring that back first: its fallback is what arrives here.",
        },
        {
          observed: "most connections idle",
          conclusion:
            "Pools are larger than they need be, or an old deployment has not let go. Shrink or end them.",
        },
        {
          observed: "many idle in transaction",
          conclusion:
            "An application forgets to commit. Find it in pg_stat_activity and set idle_in_transaction_session_timeout.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason:
      "Connections belong to the applications; ending them from outside would break work that is under way.",
    instead: "Bring back the Redis role whose fallback causes the load, or shrink the idle pools.",
    proof:
      "redisops_postgres_connections summed over its states falls below 85 % of redisops_postgres_connections_limit.",
    within: "one scrape after the connections are released",
    rollback: "Nothing was changed by redisops.",
    whenItFails:
      "End idle sessions with pg_terminate_backend, oldest first; active ones only as a last resort.",
  },
  inhibits: [],
  panels: [
    "postgres-used",
    "postgres-connections",
    "postgres-lock-waiters",
    "postgres-oldest-transaction",
    "pgbouncer-up",
    "pgbouncer-clients",
    "pgbouncer-servers",
    "preference-headroom",
    "preference-hit-ratio",
    "preference-probe-reads",
    "preference-reads",
    "preference-exposures",
  ],
  scenarios: [
    {
      name: "a cache outage fills the pool, then it drains",
      faults: [
        {
          metric: "redisops_postgres_connections",
          labels: { role: "postgres", state: "active" },
          runs: [
            { value: 12, samples: 3 },
            { value: 57.3, samples: 8 },
            { value: 12, samples: 10 },
          ],
        },
      ],
      expect: [
        { at: "2m", firing: [] },
        { at: "4m", firing: [] },
        { at: "6m", firing: ["PostgresPoolSaturated"] },
        { at: "13m", firing: [] },
      ],
    },
    {
      name: "the pool is full, and the exporter itself is kept out",
      faults: [
        {
          metric: "redisops_postgres_connections_refused",
          labels: { role: "postgres" },
          runs: [
            { value: 0, samples: 3 },
            { value: 1, samples: 8 },
            { value: 0, samples: 10 },
          ],
        },
        ...["active", "idle"].map((state) => ({
          metric: "redisops_postgres_connections" as const,
          labels: { role: "postgres", state },
          runs: [
            { value: 30, samples: 3 },
            { value: "stale" as const, samples: 8 },
            { value: 30, samples: 10 },
          ],
        })),
      ],
      expect: [
        { at: "2m", firing: [] },
        { at: "4m", firing: [] },
        { at: "6m", firing: ["PostgresPoolSaturated"] },
        { at: "13m", firing: [] },
      ],
    },
    {
      name: "a deployment that overlaps for one scrape",
      faults: [
        {
          metric: "redisops_postgres_connections",
          labels: { role: "postgres", state: "idle" },
          runs: [
            { value: 30, samples: 3 },
            { value: 80, samples: 1 },
            { value: 30, samples: 10 },
          ],
        },
      ],
      expect: [
        { at: "4m", firing: [] },
        { at: "6m", firing: [] },
      ],
    },
  ],
  example: {
    labels: { role: "postgres" },
    summary: "Postgres uses 90% of its connections",
    description:
      "90% of the connections open to ordinary users are taken. At 100 % new workers cannot connect, and every fallback that reads from Postgres stops working.",
  },
};
