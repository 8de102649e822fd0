import type { Client } from "pg";

/** States in which client connections are counted. */
export const sessionStates = ["active", "idle", "idle_in_transaction", "other"] as const;
export type SessionState = (typeof sessionStates)[number];

/** The sessions of a Postgres server at one moment. */
export interface Sessions {
  /** Client connections by state; those that hide theirs from this user are `other`. */
  readonly connections: Readonly<Record<SessionState, number>>;
  /** Connections open to ordinary users: max_connections less the reserved ones. */
  readonly limit: number;
  /** Sessions of other users that hide what they do, for want of pg_monitor. */
  readonly hidden: number;
  /** Sessions that wait for a lock that another one holds. */
  readonly lockWaiters: number;
  /** When the oldest transaction began, in seconds since 1970, by the state of its session; those of the last second left out. */
  readonly oldestTransactions: ReadonlyMap<SessionState, number>;
}

/**
 * One row for each state. A session hides its state, kind and transaction from a user that has neither its role nor
 * pg_monitor; that it belongs to a user tells it from an autovacuum worker, which takes no connection. Costs one look at
 * each connection slot, so at most max_connections.
 */
const statesQuery = `
  SELECT CASE WHEN state IN ('active', 'idle') THEN state
              WHEN state LIKE 'idle in transaction%' THEN 'idle_in_transaction'
              ELSE 'other' END AS state,
         count(*)::int AS connections,
         count(*) FILTER (WHERE backend_type IS NULL)::int AS hidden,
         extract(epoch FROM min(xact_start) FILTER (WHERE xact_start < now() - interval '1 second'))::float8 AS oldest
  FROM pg_stat_activity
  WHERE backend_type = 'client backend' OR (backend_type IS NULL AND datname IS NOT NULL AND usesysid IS NOT NULL)
  GROUP BY 1`;

/**
 * pg_locks rather than the wait events of pg_stat_activity: everybody may read it. Its cost grows with the locks that are
 * held and waited for, which max_locks_per_transaction × max_connections bounds.
 */
const limitsQuery = `
  SELECT (current_setting('max_connections')::int
          - current_setting('superuser_reserved_connections')::int
          - coalesce(current_setting('reserved_connections', true)::int, 0)) AS "limit",
         (SELECT count(DISTINCT pid)::int FROM pg_locks WHERE NOT granted) AS waiters`;

interface StateRow {
  readonly state: SessionState;
  readonly connections: number;
  readonly hidden: number;
  readonly oldest: number | null;
}

/** Counts the sessions; needs no privilege beyond logging in. */
export async function readSessions(client: Client): Promise<Sessions> {
  const { rows } = await client.query<StateRow>(statesQuery);
  const limits = await client.query<{ limit: number; waiters: number }>(limitsQuery);
  const connections = { active: 0, idle: 0, idle_in_transaction: 0, other: 0 };
  const oldestTransactions = new Map<SessionState, number>();
  let hidden = 0;
  for (const row of rows) {
    connections[row.state] = row.connections;
    hidden += row.hidden;
    if (row.oldest !== null) oldestTransactions.set(row.state, row.oldest);
  }
  const { limit = 0, waiters = 0 } = limits.rows[0] ?? {};
  return { connections, limit, hidden, lockWaiters: waiters, oldestTransactions };
}

/** All client connections, whatever they do. */
export function connectionsInUse({ connections }: Sessions): number {
  return sessionStates.reduce((sum, state) => sum + connections[state], 0);
}
