import { decodePreferences } from "../../core/preferences/cache-entry.ts";
import { changesPage, type PageUser, randomChanges } from "./changes.ts";
import { ask, type PreferencesSetup, type Stores } from "./setup.ts";

/** Changes of which all are looked at for a plan, and how many random ones where there are more. */
const exactChanges = 100_000;
const sampledChanges = 2_000;

/** What the entries are like of people who changed something. */
export interface ChangedEntries {
  /** Whether all of them were looked at. */
  readonly exact: boolean;
  readonly people: number;
  /** They do not reflect a change that was to be looked at. */
  readonly outdated: number;
  readonly otherLayout: number;
  /** They reflect those, and not what was changed after the snapshot: their readers ask Postgres. */
  readonly later: number;
  readonly reflecting: number;
}

type Counts = { -readonly [Name in Exclude<keyof ChangedEntries, "exact">]: number };

/** Changes with ids above `after`, and up to `upTo`; those that the snapshot does not see do not count. */
export interface ChangeSpan {
  readonly after: number;
  readonly upTo: number;
  readonly snapshot: string;
}

async function countUsers({ entries }: Stores, users: readonly PageUser[], counts: Counts): Promise<void> {
  const known = new Map(users.filter(({ version }) => version > 0).map((user) => [user.userId, user]));
  counts.people += known.size;
  for (const { userId, value } of await entries.read([...known.keys()])) {
    const entry = decodePreferences(value.toString());
    const { version = 0, latest = 0 } = known.get(userId) ?? {};
    if (entry === undefined) counts.otherLayout += 1;
    else if (version >= entry.asOf) counts.outdated += 1;
    else if (latest >= entry.asOf) counts.later += 1;
    else counts.reflecting += 1;
  }
}

/** Looks at the entries of all who changed something. Reads Postgres's changes page by page, and no rows. */
export async function countChanged(
  setup: PreferencesSetup,
  stores: Stores,
  span: ChangeSpan,
): Promise<ChangedEntries> {
  const counts: Counts = { people: 0, outdated: 0, otherLayout: 0, later: 0, reflecting: 0 };
  for (let { after } = span; ; ) {
    const from = { after, upTo: span.upTo, kind: "all", seenBy: span.snapshot } as const;
    const page = await ask(stores.database, (client) => changesPage(client, setup.tables, from));
    if (page.last === undefined) return { ...counts, exact: true };
    await countUsers(stores, page.users, counts);
    after = page.last;
  }
}

/** The same, of some of them where they are many. */
export async function estimateChanged(
  setup: PreferencesSetup,
  stores: Stores,
  span: ChangeSpan,
): Promise<ChangedEntries> {
  if (span.upTo - span.after <= exactChanges) return countChanged(setup, stores, span);
  const counts: Counts = { people: 0, outdated: 0, otherLayout: 0, later: 0, reflecting: 0 };
  const drawn = await ask(stores.database, (client) =>
    randomChanges(client, setup.tables, span, sampledChanges),
  );
  await countUsers(
    stores,
    drawn.map((user) => ({ ...user, latest: user.version })),
    counts,
  );
  return { ...counts, exact: false };
}
