import { performance } from "node:perf_hooks";
import type { PostgresConfig } from "../../core/config/postgres-section.ts";
import { describePostgres } from "../../core/postgres/connect.ts";
import { postgresErrorClass } from "../../core/postgres/postgres-error.ts";
import { type Sample, sample } from "../../core/samples.ts";
import { withPostgres } from "../postgres-session.ts";
import type { Probe } from "../probe.ts";
import { availabilitySamples, serverUntried } from "../role-availability.ts";
import { readSessions, type Sessions, sessionStates } from "./sessions.ts";

const role = "postgres";

function sessionSamples(sessions: Sessions): Sample[] {
  // With sessions that hide theirs, the oldest transaction that can be seen need not be the oldest one.
  const oldest = sessions.hidden > 0 ? [] : [...sessions.oldestTransactions];
  return [
    ...sessionStates.map((state) =>
      sample("redisops_postgres_connections", { role, state }, sessions.connections[state]),
    ),
    sample("redisops_postgres_connections_limit", { role }, sessions.limit),
    sample("redisops_postgres_hidden_sessions", { role }, sessions.hidden),
    sample("redisops_postgres_lock_waiters", { role }, sessions.lockWaiters),
    ...oldest.map(([state, began]) =>
      sample("redisops_postgres_oldest_transaction_timestamp_seconds", { role, state }, began),
    ),
  ];
}

const connectionsRefused = (refused: boolean) =>
  sample("redisops_postgres_connections_refused", { role }, refused ? 1 : 0);

/** Whether Postgres answers, how many of its connections are taken, and what holds others up. */
export function postgresProbe(config: PostgresConfig): Probe {
  return {
    name: "postgres",
    role,
    group: role,
    target: role,
    address: describePostgres(config),
    async run(emit, { left }) {
      await withPostgres(config, left(), async (client) => {
        const asked = performance.now();
        await client.query("SELECT 1");
        emit(sample("redisops_role_response_seconds", { role }, (performance.now() - asked) / 1000));
        for (const observed of sessionSamples(await readSessions(client))) emit(observed);
      });
    },
    conclude(error) {
      if (error === undefined) return [...availabilitySamples(role, undefined), connectionsRefused(false)];
      if (serverUntried(error)) return [];
      const failure = postgresErrorClass(error);
      return [...availabilitySamples(role, failure), connectionsRefused(failure === "exhausted")];
    },
  };
}
