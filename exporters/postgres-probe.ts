import type { Client } from "pg";
import type { PostgresConfig } from "../core/config/postgres-section.ts";
import { describePostgres } from "../core/postgres/connect.ts";
import { postgresErrorClass } from "../core/postgres/postgres-error.ts";
import { type Sample, sample } from "../core/samples.ts";
import { withPostgres } from "./postgres-session.ts";
import type { Probe } from "./probe.ts";
import { availabilitySamples, serverUntried } from "./role-availability.ts";

const role = "postgres";

/** Sessions of others hide their state and kind from a user without pg_monitor; they count as `other`. */
const connectionsQuery = `
  SELECT CASE WHEN state IN ('active', 'idle') THEN state
              WHEN state LIKE 'idle in transaction%' THEN 'idle_in_transaction'
              ELSE 'other' END AS state,
         count(*)::int AS connections
  FROM pg_stat_activity
  WHERE backend_type = 'client backend' OR (backend_type IS NULL AND datname IS NOT NULL)
  GROUP BY 1`;

const limitQuery = `
  SELECT (current_setting('max_connections')::int
          - current_setting('superuser_reserved_connections')::int
          - coalesce(current_setting('reserved_connections', true)::int, 0)) AS "limit"`;

async function connectionSamples(client: Client): Promise<Sample[]> {
  const states = await client.query<{ state: string; connections: number }>(connectionsQuery);
  const limits = await client.query<{ limit: number }>(limitQuery);
  return [
    ...["active", "idle", "idle_in_transaction", "other"].map((state) => {
      const connections = states.rows.find((row) => row.state === state)?.connections ?? 0;
      return sample("redisops_postgres_connections", { role, state }, connections);
    }),
    sample("redisops_postgres_connections_limit", { role }, limits.rows[0]?.limit ?? 0),
  ];
}

const connectionsRefused = (refused: boolean) =>
  sample("redisops_postgres_connections_refused", { role }, refused ? 1 : 0);

/** Whether Postgres answers, and how many of its connections are taken. */
export function postgresProbe(config: PostgresConfig): Probe {
  return {
    name: "postgres",
    role,
    group: role,
    target: role,
    address: describePostgres(config),
    async run(emit, { left }) {
      try {
        await withPostgres(config, left(), async (client) => {
          for (const observed of await connectionSamples(client)) emit(observed);
          for (const observed of availabilitySamples(role, undefined)) emit(observed);
          emit(connectionsRefused(false));
        });
      } catch (error) {
        if (!serverUntried(error)) {
          const failure = postgresErrorClass(error);
          for (const observed of availabilitySamples(role, failure)) emit(observed);
          emit(connectionsRefused(failure === "exhausted"));
        }
        throw error;
      }
    },
  };
}
