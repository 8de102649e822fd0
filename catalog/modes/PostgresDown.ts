import { episode } from "../episode.ts";
import type { DegradationMode } from "../mode.ts";

const role = "postgres";

export const PostgresDown: DegradationMode = {
  id: "PostgresDown",
  title: "Postgres does not answer",
  role,
  board: "redisops-postgres",
  severity: "page",
  nature: "symptom",
  origin:
    "Every fallback ends in Postgres: it keeps the messages that the registry cannot route and holds the preferences that the cache cannot tell. As long as Redis is well its loss is little felt; from then on no Redis role may fail.",
  signal: {
    kind: "threshold",
    measure: { metric: "redisops_role_up", where: { role } },
    aggregate: "max",
    by: ["role"],
    comparison: "==",
    limit: 0,
    // A Postgres that is merely full has an alert of its own.
    and: {
      kind: "threshold",
      measure: { metric: "redisops_postgres_connections_refused", where: { role } },
      aggregate: "max",
      by: ["role"],
      comparison: "==",
      limit: 0,
    },
  },
  thresholds: {
    for: {
      value: "1m",
      unit: "duration",
      reason:
        "A managed failover or an orderly restart is over within a minute, and app servers try a message again for as long as their clients do.",
    },
  },
  summary: "Postgres does not answer: messages for offline users are refused, opt-outs cannot be checked",
  description:
    "Postgres has not answered a statement for a minute. Messages for 100% of the users who are offline are refused with MESSAGE_NOT_ACCEPTED, cached preferences are used unverified, and people who are not in the cache are assumed to be opted in. Any Redis role that fails now has no fallback.",
  userImpact:
    "Messages to people who are offline are not accepted; their senders see them unsent. Opt-outs made since then are not honoured. Messages between people who are online arrive as usual.",
  containment:
    "Nothing is accepted that could get lost: a message counts as accepted only when the connection server or Postgres has it. Preferences come from the cache as last known, what is sent by them is written down for the audit, and the workers’ breakers keep calls away from Postgres so that it can start.",
  aggravators: [
    "Restarting or flushing any Redis role meanwhile: its data cannot be rebuilt, and its fallback is what is missing.",
    "Running redisops recover bloom: it reads the sent ids from Postgres.",
    "Promoting a replica without making sure that the old primary stays down: two primaries take different opt-outs.",
  ],
  normal: 'redisops_role_up{role="postgres"} is 1 in every scrape.',
  frequency:
    "When the server or its disk fails, or when a failover takes longer than a minute; not in a normal month.",
  prevention:
    "Run a synchronous standby with automatic failover, and rehearse it: what is not synchronous loses opt-outs and takes back transaction ids, after which the preferences cache has to be flushed.",
  topologies: {},
  diagnosis: [
    {
      command: "redisops status --role postgres",
      shows: [
        "postgres  postgres at … refused …PostgresDown…",
        "  PostgresDown: Postgres does not answer",
        "  POSTGRES_REFUSED: Postgres postgres at …: connect ECONNREFUSED …",
      ],
      branches: [
        {
          observed: "state “refused”",
          conclusion:
            "No server listens there. Start it, or fail over. If it ends again at once its log names the reason: a full disk as a rule.",
        },
        {
          observed: "state “timeout”",
          conclusion:
            "It hangs or the network drops packets. Look at its disk first: a full or stalled one stops every commit.",
        },
        {
          observed: "state “auth”",
          conclusion:
            "It runs, and rejects redisops alone or everybody. Compare password, pg_hba.conf and grants with docs/security.md, and ask an application.",
        },
        {
          observed: "state “loading”",
          conclusion:
            "It is replaying its log after a crash. Wait; its log says how far it is. Killing it makes it begin anew.",
        },
      ],
    },
    {
      command: "redisops status --role preferences",
      shows: [
        "  6 of 6 shards accept writes; answers in … ms; …",
        "  POSTGRES_REFUSED: Postgres postgres at …: connect ECONNREFUSED …",
      ],
      branches: [
        {
          observed: "all shards accept writes",
          conclusion:
            "Nearly everybody’s preferences are known from the cache. Entries live for an hour: that is the time you have before more and more people are assumed opted in.",
        },
        {
          observed: "shards are missing",
          conclusion:
            "Nobody can say who opted out. Stop campaigns at their source at once and read PreferencesDefaulting.",
        },
      ],
    },
  ],
  remedy: {
    kind: "none",
    reason: "redisops neither starts nor promotes databases; a wrong promotion loses what was committed.",
    instead:
      "Start Postgres or fail over with the tool that manages it. Then watch PendingDeliveriesBacklog and run redisops audit preferences --since 2h, with the time of the incident. After a failover that lost commits flush the preferences cache, off-peak.",
    proof:
      'redisops_role_up{role="postgres"} is 1 again and redisops_decisions_degraded_total{role="preferences",fallback="unverified"} stands still.',
    within: "one scrape after it answers; the workers’ breakers try it every second",
    rollback: "Nothing was changed by redisops.",
    whenItFails:
      "If neither server starts, restore the latest backup to a new one, and expect stale entries (PreferencesStale) and ids that the filter knows and Postgres does not. Until then keep Redis as it is: do not deploy, restart or fail over any role.",
  },
  drill: {
    kind: "lab",
    inject: ["kill --role postgres"],
    alsoFires: {
      NotificationsShedBudgetBurn:
        "What waited meanwhile is sent at once, above the limit that workers have learned.",
      PreferencesDefaulting: "Of those that are assumed, enough belong to people whose entries have run out.",
      DegradedDecisionsBudgetBurn:
        "Preferences that the cache cannot vouch for are not looked up, but assumed.",
    },
  },
  inhibits: ["PostgresPoolExhausted", "PostgresPoolSaturated", "ProbeFailing"],
  panels: ["role-up", "role-failures", "role-response", "postgres-connections", "if-it-dies-postgres"],
  scenarios: [
    {
      name: "Postgres goes away and comes back",
      faults: [
        episode("redisops_role_up", { role }, 1, 0),
        episode("redisops_postgres_connections", { role, state: "active" }, 12, "stale"),
        episode("redisops_postgres_connections", { role, state: "idle" }, 30, "stale"),
        episode("redisops_postgres_connections_limit", { role }, 97, "stale"),
      ],
      expect: [
        { at: "2m", firing: [] },
        { at: "3m", firing: [] },
        { at: "5m", firing: ["PostgresDown"] },
        { at: "12m", firing: [] },
      ],
    },
    {
      name: "an orderly restart that one scrape meets",
      faults: [
        {
          metric: "redisops_role_up",
          labels: { role },
          runs: [
            { value: 1, samples: 3 },
            { value: 0, samples: 1 },
            { value: 1, samples: 10 },
          ],
        },
      ],
      expect: [
        { at: "3m", firing: [] },
        { at: "5m", firing: [] },
      ],
    },
    {
      name: "Postgres is full, and turns the exporter away as well: that is another alert",
      faults: [
        episode("redisops_role_up", { role }, 1, 0),
        episode("redisops_postgres_connections_refused", { role }, 0, 1),
        episode("redisops_postgres_connections", { role, state: "active" }, 12, "stale"),
        episode("redisops_postgres_connections", { role, state: "idle" }, 30, "stale"),
        episode("redisops_postgres_connections_limit", { role }, 97, "stale"),
      ],
      expect: [
        { at: "9m", firing: ["PostgresPoolExhausted", "PostgresPoolSaturated"] },
        { at: "14m", firing: [] },
      ],
    },
  ],
  example: {
    labels: { role },
    summary: "Postgres does not answer: messages for offline users are refused, opt-outs cannot be checked",
    description:
      "Postgres has not answered a statement for a minute. Messages for 100% of the users who are offline are refused with MESSAGE_NOT_ACCEPTED, cached preferences are used unverified, and people who are not in the cache are assumed to be opted in. Any Redis role that fails now has no fallback.",
  },
};
