import { episode } from "../episode.ts";
import type { DegradationMode } from "../mode.ts";

const role = "postgres";

export const PostgresPoolExhausted: DegradationMode = {
  id: "PostgresPoolExhausted",
  title: "No connection to Postgres is left",
  role,
  board: "redisops-postgres",
  severity: "page",
  nature: "symptom",
  origin:
    "Reads that a lost cache sends to Postgres first use up the connections: 5 million a second against 50,000. A Postgres that turns applications away is as good as none to them, though it runs.",
  signal: {
    kind: "threshold",
    measure: { metric: "redisops_postgres_connections", where: { role } },
    over: { metric: "redisops_postgres_connections_limit", where: { role } },
    aggregate: "sum",
    by: ["role"],
    comparison: ">",
    limit: "used_ratio",
    // Without a connection of its own the exporter counts none; the 1 reads as 100 %.
    or: {
      kind: "threshold",
      measure: { metric: "redisops_postgres_connections_refused", where: { role } },
      aggregate: "max",
      by: ["role"],
      comparison: "==",
      limit: 1,
      or: {
        kind: "threshold",
        measure: { metric: "redisops_pgbouncer_servers", where: { role, state: "active" } },
        over: { metric: "redisops_pgbouncer_servers_limit", where: { role } },
        aggregate: "max",
        by: ["role"],
        comparison: ">",
        limit: "used_ratio",
        and: {
          kind: "threshold",
          measure: { metric: "redisops_pgbouncer_max_wait_seconds", where: { role } },
          aggregate: "max",
          by: ["role"],
          comparison: ">",
          limit: 2,
        },
      },
    },
  },
  thresholds: {
    for: {
      value: "1m",
      unit: "duration",
      reason:
        "Connections that are really in use come and go within milliseconds; a pool that stays empty for a minute does not fill up again by itself.",
    },
    used_ratio: {
      value: 0.95,
      unit: "ratio",
      reason:
        "The hard limit for pools in GitLab’s public saturation rules. Of 97 connections five are left, fewer than one worker’s pool of eight. PgBouncer’s pool counts when a client has waited for 2 s besides: a message’s write is given up then, a preference read after 50 ms.",
    },
  },
  summary: "{{ $value | humanizePercentage }} of the connections to Postgres are taken: fallbacks get none",
  description:
    "{{ $value | humanizePercentage }} of the connections are taken: of those that Postgres opens to ordinary users, or of PgBouncer’s pool, where clients have waited for over 2 s. Messages for offline users cannot be stored, preferences that are not cached cannot be read.",
  userImpact:
    "Messages to people who are offline are not accepted. People whose preferences are not cached are notified whether they opted out or not.",
  containment:
    "Workers give up a read after 50 ms and assume opted in, app servers refuse a message rather than lose it. PgBouncer keeps the load off Postgres, which goes on serving those who have a connection.",
  aggravators: [
    "Restarting workers or app servers: their new pools find no connection, and they lose what they had cached of Postgres’s state.",
    "Restarting Postgres: every transaction under way is lost, and all pools come back at the same moment.",
    "Raising PgBouncer’s pool above what Postgres has left: it turns waiting into errors.",
  ],
  normal:
    "redisops_postgres_connections summed over its states is under 60 % of redisops_postgres_connections_limit, redisops_postgres_connections_refused is 0 and redisops_pgbouncer_max_wait_seconds below 0.05.",
  frequency:
    "When a cache is lost at peak, or one application stops committing. PostgresPoolSaturated comes first as a rule, minutes or days before.",
  prevention:
    "Give redisops a reserved connection (docs/security.md), set idle_in_transaction_session_timeout to a few seconds, and keep the sum of all pools below the limit.",
  topologies: {},
  diagnosis: [
    {
      command: "redisops status --role postgres",
      shows: [
        "  answers in … ms; connections … of 97; active …; idle in transaction …",
        "…PgBouncer lends 20 of 20;…",
        "…clients wait, up to … s…",
        "  PostgresPoolExhausted: No connection to Postgres is left",
      ],
      branches: [
        {
          observed: "many idle in transaction, and an oldest transaction of minutes",
          conclusion:
            "One application holds them without working. End its sessions: `select pg_terminate_backend(pid) from pg_stat_activity where state = 'idle in transaction' and state_change < now() - interval '1 minute'`, as a superuser.",
        },
        {
          observed: "most connections active, locks waited for",
          conclusion: "One transaction holds up the others. pg_blocking_pids names it; end that one alone.",
        },
        {
          observed: "most connections active, and a Redis role is down",
          conclusion:
            "Its fallback is the load. Stop campaigns at their source, then bring that role back; Postgres follows by itself.",
        },
        {
          observed: "state “exhausted”",
          conclusion:
            "Not even redisops gets in. Use a superuser’s reserved connection for the statement above.",
        },
        {
          observed: "PgBouncer lends all it has, Postgres’s own connections are few",
          conclusion:
            "The pool is smaller than what Postgres can take: raise default_pool_size and RELOAD in PgBouncer’s console.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason:
      "Whose session may be ended is for somebody to decide who knows the application; redisops ends none.",
    instead:
      "End the sessions that hold connections without working, or take the load away: bring back the Redis role that is down, stop campaigns at their source.",
    proof:
      "redisops_postgres_connections summed over its states falls below 95 % of redisops_postgres_connections_limit, redisops_postgres_connections_refused is 0 and redisops_pgbouncer_max_wait_seconds falls below 2.",
    within: "one scrape after the connections are released",
    rollback: "Nothing was changed by redisops; a session that was ended connects again by itself.",
    whenItFails:
      "If the sessions come back as fast as they are ended, lock their user out: `alter role name connection limit 5`, and end them once more. As the last resort PAUSE the database in PgBouncer for a moment, so that what is under way ends before more arrives.",
  },
  drill: {
    kind: "lab",
    inject: ["fill-postgres-pool"],
    alsoFires: {
      PreferencesDefaulting: "Workers find no connection to look preferences up.",
      NotificationsShedBudgetBurn:
        "What waited meanwhile is sent at once, above the limit that workers have learned of an account.",
      DegradedDecisionsBudgetBurn:
        "Preferences that the cache cannot vouch for are not looked up, but assumed.",
    },
  },
  inhibits: ["PostgresPoolSaturated", "ProbeFailing"],
  panels: [
    "postgres-used",
    "postgres-connections",
    "pgbouncer-clients",
    "pgbouncer-servers",
    "if-it-dies-postgres",
  ],
  scenarios: [
    {
      name: "transactions that nobody ends take all connections, then they are ended",
      faults: [
        episode("redisops_postgres_connections", { role, state: "active" }, 12, 67),
        episode("redisops_pgbouncer_servers", { role, state: "active" }, 9, 20),
        episode("redisops_pgbouncer_clients", { role, state: "waiting" }, 0, 130),
        episode("redisops_pgbouncer_max_wait_seconds", { role }, 0, 24),
      ],
      expect: [
        { at: "2m", firing: [] },
        { at: "3m", firing: [] },
        { at: "6m", firing: ["PostgresPoolExhausted", "PostgresPoolSaturated"] },
        { at: "13m", firing: [] },
      ],
    },
    {
      name: "PgBouncer alone is lent out, for longer than anybody waits",
      faults: [
        episode("redisops_pgbouncer_servers", { role, state: "active" }, 9, 20),
        episode("redisops_pgbouncer_clients", { role, state: "waiting" }, 0, 130),
        episode("redisops_pgbouncer_max_wait_seconds", { role }, 0, 24),
      ],
      expect: [
        { at: "4m", firing: ["PostgresPoolExhausted"] },
        { at: "6m", firing: ["PostgresPoolExhausted", "PostgresPoolSaturated"] },
        { at: "13m", firing: [] },
      ],
    },
    {
      name: "nine tenths are taken: a ticket is enough",
      faults: [episode("redisops_postgres_connections", { role, state: "active" }, 12, 57.3)],
      expect: [{ at: "8m", firing: ["PostgresPoolSaturated"] }],
    },
    {
      name: "a peak of one scrape",
      faults: [
        {
          metric: "redisops_postgres_connections",
          labels: { role, state: "active" },
          runs: [
            { value: 12, samples: 3 },
            { value: 67, samples: 1 },
            { value: 12, samples: 10 },
          ],
        },
      ],
      expect: [
        { at: "3m", firing: [] },
        { at: "5m", firing: [] },
      ],
    },
  ],
  example: {
    labels: { role },
    summary: "100% of the connections to Postgres are taken: fallbacks get none",
    description:
      "100% of the connections are taken: of those that Postgres opens to ordinary users, or of PgBouncer’s pool, where clients have waited for over 2 s. Messages for offline users cannot be stored, preferences that are not cached cannot be read.",
  },
};
