import { performance } from "node:perf_hooks";
import type { PostgresConfig, PreferencesConfig } from "../../core/config/postgres-section.ts";
import { connectPostgres, type PostgresConnection } from "../../core/postgres/connect.ts";
import { readPreferencesQuery } from "../../core/preferences/read-row.ts";

/** Connections of the burst. */
const connections = 4;
/** Length of the burst in milliseconds. */
export const burstLength = 200;
/** Longest time to open the connections, in milliseconds. */
const connectDeadline = 300;

/**
 * How many preference reads a second Postgres answers: for 200 ms, 4 connections read the given users' preferences, each
 * the next one when the last has been answered, with the workers' own statement. Rejects with a RedisopsError when one of
 * them fails.
 *
 * A rough figure, as a rule too low: docs/preferences.md has its error.
 */
export async function measureReadCapacity(
  config: PostgresConfig,
  tables: PreferencesConfig,
  users: readonly string[],
): Promise<number> {
  const timeouts = { connect: connectDeadline, statement: burstLength };
  const outcomes = await Promise.allSettled(
    Array.from({ length: connections }, () => connectPostgres(config, timeouts)),
  );
  const opened = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  try {
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
    return await burst(opened, readPreferencesQuery(tables.table), users);
  } finally {
    await Promise.all(opened.map(({ close }) => close()));
  }
}

async function burst(
  opened: readonly PostgresConnection[],
  text: string,
  users: readonly string[],
): Promise<number> {
  const begun = performance.now();
  let reads = 0;
  let next = 0;
  await Promise.all(
    opened.map(async ({ client }) => {
      while (performance.now() - begun < burstLength) {
        const user = users[next++ % users.length];
        await client.query(text, [user]);
        reads += 1;
      }
    }),
  );
  return reads / ((performance.now() - begun) / 1_000);
}
