import type { Client } from "pg";
import type { PreferencesConfig } from "../../core/config/postgres-section.ts";
import { decodePreferences } from "../../core/preferences/cache-entry.ts";
import { difference, optOutsOf } from "../../core/preferences/judge-entries.ts";
import type { RawEntry } from "./cache-entries.ts";
import { momentOf } from "./changes.ts";

/**
 * What an entry is beside its row: the same; different, for whatever reason; from the future, as it claims to reflect
 * transactions that Postgres has not begun; or of another layout. Readers believe one from the future over any change
 * that is made from now on: Postgres has lost what it was read from.
 */
export type Comparison = "same" | "different" | "future" | "other_layout";

/**
 * Holds entries, read before this is called, against their rows. Where they differ the entry is of no use: it is older
 * than its row, and its readers ask Postgres, or they do not know that it is.
 */
export async function compareWithRows(
  client: Client,
  tables: PreferencesConfig,
  entries: readonly RawEntry[],
): Promise<Comparison[]> {
  if (entries.length === 0) return [];
  const { next } = await momentOf(client);
  const rows = await optOutsOf(
    client,
    tables,
    entries.map(({ userId }) => userId),
  );
  return entries.map(({ userId, value }) => {
    const entry = decodePreferences(value.toString());
    if (entry === undefined) return "other_layout";
    if (entry.asOf > next) return "future";
    const differs = difference(new Set(entry.optedOut), rows.get(userId) ?? new Set()).length > 0;
    return differs ? "different" : "same";
  });
}
