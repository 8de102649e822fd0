import { episode } from "../episode.ts";
import type { DegradationMode } from "../mode.ts";

export const PostgresPoolSaturated: DegradationMode = {
  id: "PostgresPoolSaturated",
  title: "Postgres is running out of connections",
  role: "postgres",
  board: "redisops-postgres",
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
      // Behind PgBouncer its pool is what applications run out of, while Postgres has connections to spare.
      or: {
        kind: "threshold",
        measure: { metric: "redisops_pgbouncer_servers", where: { state: "active" } },
        over: { metric: "redisops_pgbouncer_servers_limit" },
        aggregate: "max",
        by: ["role"],
        comparison: ">",
        limit: "used_ratio",
        and: {
          kind: "threshold",
          measure: { metric: "redisops_pgbouncer_clients", where: { state: "waiting" } },
          aggregate: "max",
          by: ["role"],
          comparison: ">",
          limit: 0,
        },
      },
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
        "The soft limit for pools that GitLab’s public saturation rules use as well; the remaining 15 % is one more worker fleet’s pool. PgBouncer’s pool may be lent out entirely and serve well, so that there clients must be waiting besides. The hard limit, 95 %, pages: PostgresPoolExhausted.",
    },
  },
  summary: "Postgres is filling up: {{ $value | humanizePercentage }} of its connections are in use",
  description:
    "{{ $value | humanizePercentage }} of the connections are taken: of those that Postgres opens to ordinary users, or of PgBouncer’s pool, and clients wait for one. At 100 % new workers cannot connect, and every fallback that reads from Postgres stops working.",
  userImpact:
    "None yet, or answers that take longer. When the limit is reached, messages cannot be stored and preferences cannot be read.",
  containment:
    "Workers read through bounded pools (8 reads at a time), so that they queue instead of opening more connections; PgBouncer makes them wait instead of turning them away.",
  aggravators: [
    "A Redis role going down now: its fallback needs the connections that are missing.",
    "Raising max_connections far up: each connection costs memory, and throughput falls.",
    "Deploying: old and new pools are open side by side.",
  ],
  normal:
    "redisops_postgres_connections summed over its states is under 60 % of redisops_postgres_connections_limit at peak, few of them idle in transaction, and redisops_pgbouncer_clients with state waiting is 0.",
  frequency:
    "During a preferences-cache outage, or when a deployment leaves its old pools open; else not within a month.",
  prevention:
    "Put PgBouncer in transaction mode before Postgres, bound every worker’s pool, set idle_in_transaction_session_timeout.",
  topologies: {},
  diagnosis: [
    {
      command: "redisops status --role postgres",
      shows: [
        "  answers in … ms; connections … of 97; active …; idle in transaction …",
        "…PgBouncer lends 20 of 20;…",
        "  PostgresPoolSaturated: Postgres is running out of connections",
      ],
      branches: [
        {
          observed: "most connections active",
          conclusion:
            "Real load. Look for a Redis role that is down with redisops status and bring that back first: its fallback is what arrives here.",
        },
        {
          observed: "most connections idle",
          conclusion:
            "Pools are larger than they need be, or an old deployment has not let go. Shrink or end them.",
        },
        {
          observed: "many idle in transaction, the oldest transaction minutes old",
          conclusion:
            "An application forgets to commit. Find it by its application_name in pg_stat_activity and set idle_in_transaction_session_timeout.",
        },
        {
          observed:
            "PgBouncer lends all it has, and Postgres’s own connections are below half of their limit",
          conclusion:
            "The pool is smaller than Postgres. Raise default_pool_size towards the number of cores times four, and RELOAD.",
        },
        {
          observed: "PgBouncer lends little, and Postgres’s connections are taken",
          conclusion: "Somebody goes past PgBouncer. pg_stat_activity has the client addresses.",
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
      "redisops_postgres_connections summed over its states falls below 85 % of redisops_postgres_connections_limit, and no redisops_pgbouncer_clients are waiting.",
    within: "one scrape after the connections are released",
    rollback: "Nothing was changed by redisops.",
    whenItFails:
      "End idle sessions with pg_terminate_backend, oldest first; active ones only as a last resort. Where the load is real and stays, take campaigns away at their source.",
  },
  drill: { kind: "lab", inject: ["fill-postgres-pool"] },
  inhibits: [],
  panels: [
    "postgres-used",
    "postgres-connections",
    "postgres-lock-waiters",
    "postgres-oldest-transaction",
    "pgbouncer-up",
    "pgbouncer-clients",
    "pgbouncer-servers",
    "if-it-dies-postgres",
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
      name: "PgBouncer’s pool is lent out and clients wait, while Postgres itself has room",
      faults: [
        episode("redisops_pgbouncer_servers", { role: "postgres", state: "active" }, 9, 18),
        episode("redisops_pgbouncer_clients", { role: "postgres", state: "waiting" }, 0, 25),
        episode("redisops_pgbouncer_max_wait_seconds", { role: "postgres" }, 0, 0.4),
      ],
      expect: [
        { at: "3m", firing: [] },
        { at: "4m", firing: [] },
        { at: "6m", firing: ["PostgresPoolSaturated"] },
        { at: "13m", firing: [] },
      ],
    },
    {
      name: "PgBouncer lends all it has, and nobody waits",
      faults: [episode("redisops_pgbouncer_servers", { role: "postgres", state: "active" }, 9, 20)],
      expect: [{ at: "8m", firing: [] }],
    },
    {
      name: "the pool is full, and the exporter itself is kept out",
      faults: [
        episode("redisops_role_up", { role: "postgres" }, 1, 0),
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
        { at: "4m", firing: ["PostgresPoolExhausted"] },
        { at: "6m", firing: ["PostgresPoolExhausted", "PostgresPoolSaturated"] },
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
    summary: "Postgres is filling up: 90% of its connections are in use",
    description:
      "90% of the connections are taken: of those that Postgres opens to ordinary users, or of PgBouncer’s pool, and clients wait for one. At 100 % new workers cannot connect, and every fallback that reads from Postgres stops working.",
  },
};
