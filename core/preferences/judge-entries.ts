import type { Client } from "pg";
import type { PreferencesConfig } from "../config/postgres-section.ts";
import { quoteName } from "../postgres/connect.ts";
import { type Sample, sample } from "../samples.ts";
import { decodePreferences } from "./cache-entry.ts";
import type { ChangedUser, ChangesSource } from "./changed-users.ts";

/** What a cache entry of somebody whose preferences changed turns out to be. */
const entryStates = ["current", "outdated", "stale", "missing", "unknown_layout"] as const;
export type EntryState = (typeof entryStates)[number];

/** A changed user and what the cache holds for them, read before Postgres is. */
export interface CachedEntry extends ChangedUser {
  readonly value: string | null;
}

/** An entry that says something else than the row, while it claims to reflect the change that is known. */
interface Contradiction {
  /** Its place among the entries. */
  readonly index: number;
  readonly userId: string;
  readonly asOf: number;
  readonly channels: readonly string[];
}

/** Changes of one channel that are looked at, the latest first: the last one would do but for a clock that steps. */
const changesOfChannel = 20;

/** The channels that users have opted out of now; who has none is left out. */
export async function optOutsOf(
  client: Client,
  tables: PreferencesConfig,
  users: readonly string[],
): Promise<Map<string, Set<string>>> {
  const { rows } = await client.query<{ user_id: string; channel: string }>(
    `SELECT user_id::text, channel::text FROM ${quoteName(tables.table)} WHERE user_id = ANY ($1) AND opted_out`,
    [users],
  );
  const byUser = new Map<string, Set<string>>();
  for (const { user_id: userId, channel } of rows) {
    byUser.set(userId, (byUser.get(userId) ?? new Set()).add(channel));
  }
  return byUser;
}

/** The newest transaction that changed any of the channels, for each user who contradicts. */
async function newestVersions(
  client: Client,
  tables: PreferencesConfig,
  source: Exclude<ChangesSource, "none">,
  contradictions: readonly Contradiction[],
): Promise<Map<string, number>> {
  const pairs = contradictions.flatMap(({ userId, channels }) =>
    channels.map((channel) => ({ userId, channel })),
  );
  const fromChanges = `
    SELECT pair.user_id, max(change.version::text::bigint)::float8 AS version
    FROM unnest($1::text[], $2::text[]) AS pair (user_id, channel)
    CROSS JOIN LATERAL (
      SELECT version FROM ${quoteName(tables.changes_table)}
      WHERE user_id = pair.user_id AND channel = pair.channel
      ORDER BY changed_at DESC, id DESC LIMIT ${changesOfChannel}
    ) AS change GROUP BY 1`;
  const fromRows = `
    SELECT user_id::text, max(next - (next - xmin::text::bigint) % 4294967296)::float8 AS version
    FROM ${quoteName(tables.table)}, (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next) AS current
    WHERE user_id = ANY ($1) AND channel = ANY ($2) GROUP BY 1`;
  const { rows } = await client.query<{ user_id: string; version: number }>(
    source === "changes_table" ? fromChanges : fromRows,
    [pairs.map(({ userId }) => userId), pairs.map(({ channel }) => channel)],
  );
  return new Map(rows.map(({ user_id: userId, version }) => [userId, version]));
}

/** What is in the one or the other only. */
export const difference = (one: ReadonlySet<string>, other: ReadonlySet<string>) => [
  ...[...one].filter((channel) => !other.has(channel)),
  ...[...other].filter((channel) => !one.has(channel)),
];

/**
 * Judges entries against the rows; answers the state of each, in their order. They have to be read from the cache before
 * this is called: whatever an entry reflects was then committed before the rows are read. So when it differs from them,
 * either a change that it did not see has been committed since, by a transaction that its snapshot knew as unfinished or not
 * at all, whose id is `asOf` at least: it is outdated and readers know. Or there is no such change, and it is stale: readers
 * believe it. The other way round, an entry written between the two reads would look stale.
 *
 * Costs two look-ups by index for each user, and 20 rows for each channel that contradicts.
 */
export async function judgeEntries(
  client: Client,
  tables: PreferencesConfig,
  source: Exclude<ChangesSource, "none">,
  entries: readonly CachedEntry[],
): Promise<EntryState[]> {
  if (entries.length === 0) return [];
  const rows = await optOutsOf(
    client,
    tables,
    entries.map(({ userId }) => userId),
  );
  const contradictions: Contradiction[] = [];
  const states = entries.map(({ userId, version, value }, index): EntryState => {
    const entry = value === null ? undefined : decodePreferences(value);
    if (value === null) return "missing";
    if (entry === undefined) return "unknown_layout";
    if (version >= entry.asOf) return "outdated";
    const channels = difference(new Set(entry.optedOut), rows.get(userId) ?? new Set());
    if (channels.length > 0) contradictions.push({ index, userId, asOf: entry.asOf, channels });
    return "current";
  });
  if (contradictions.length === 0) return states;
  const versions = await newestVersions(client, tables, source, contradictions);
  for (const { index, userId, asOf } of contradictions) {
    states[index] = (versions.get(userId) ?? 0) >= asOf ? "outdated" : "stale";
  }
  return states;
}

/** How many entries are in each state, as samples of the metric that the modes are about. */
export function entrySamples(states: readonly EntryState[]): Sample[] {
  return entryStates.map((state) =>
    sample(
      "redisops_preference_sampled_entries",
      { role: "preferences", state },
      states.filter((one) => one === state).length,
    ),
  );
}
