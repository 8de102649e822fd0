import { decodePreferences } from "../../core/preferences/cache-entry.ts";
import { type ChangesSource, changedUsers } from "../../core/preferences/changed-users.ts";
import { type EntryState, judgeEntries } from "../../core/preferences/judge-entries.ts";
import type { RawEntry } from "./cache-entries.ts";
import { CacheScan } from "./cache-scan.ts";
import { type Comparison, compareWithRows } from "./judge-by-rows.ts";
import { ask, type PreferencesSetup, type Stores } from "./setup.ts";

/** Where changes can be found, if anywhere. */
type KnownSource = Exclude<ChangesSource, "none">;

/** The states of the entries of those whom the exporter would draw: up to a hundred who changed something lately. */
export async function exportersSample(
  { tables }: PreferencesSetup,
  { entries, database }: Stores,
  source: KnownSource,
): Promise<EntryState[]> {
  const users = await ask(database, (client) => changedUsers(client, tables, source));
  const found = await entries.read(users.map(({ userId }) => userId));
  const values = new Map(found.map(({ userId, value }) => [userId, value.toString()]));
  const cached = users.map((user) => ({ ...user, value: values.get(user.userId) ?? null }));
  return ask(database, (client) => judgeEntries(client, tables, source, cached));
}

/** What some entries of each primary are like. */
export interface CacheSample {
  /** Keys of all kinds that the primaries hold. */
  readonly keys: number;
  readonly compared: readonly Comparison[];
  /** Those that differ from their row and that no change on record explains: their readers believe them. */
  readonly stale: number;
  /** When the oldest one was read, in seconds since 1970; undefined where there is none. */
  readonly oldest: number | undefined;
}

/** Compares up to so many entries of each primary with their rows. */
export async function sampleCache(
  setup: PreferencesSetup,
  { entries, database }: Stores,
  source: ChangesSource,
  perPrimary: number,
): Promise<CacheSample> {
  const scan = await CacheScan.open(setup.cache);
  try {
    const found = await entries.read(await scan.sample(perPrimary));
    const compared = await ask(database, (client) => compareWithRows(client, setup.tables, found));
    const readAt = found.flatMap(({ value }) => decodePreferences(value.toString())?.readAt ?? []);
    const different = found.filter((_, index) => compared[index] === "different");
    return {
      keys: await scan.size(),
      compared,
      stale: source === "none" ? different.length : await unexplained(setup, database, source, different),
      oldest: readAt.length === 0 ? undefined : readAt.reduce((oldest, at) => Math.min(oldest, at)),
    };
  } finally {
    scan.close();
  }
}

async function unexplained(
  { tables }: PreferencesSetup,
  database: Stores["database"],
  source: KnownSource,
  entries: readonly RawEntry[],
): Promise<number> {
  const cached = entries.map(({ userId, value }) => ({ userId, version: 0, value: value.toString() }));
  const states = await ask(database, (client) => judgeEntries(client, tables, source, cached));
  return states.filter((state) => state === "stale").length;
}
