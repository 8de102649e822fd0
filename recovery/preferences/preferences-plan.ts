import { formatDuration, parseDuration } from "../../core/duration.ts";
import { RedisopsError } from "../../core/errors.ts";
import type { PostgresConnection } from "../../core/postgres/connect.ts";
import { lifeJitter } from "../../core/preferences/cache-entry.ts";
import { type ChangesSource, changesSource, isStandby } from "../../core/preferences/changed-users.ts";
import type { EntryState } from "../../core/preferences/judge-entries.ts";
import { describeTarget } from "../../core/redis/connect.ts";
import type { Fact, Plan, RecoveryContext } from "../recovery.ts";
import type { CacheEntries } from "./cache-entries.ts";
import {
  type ActivityPlace,
  activityRows,
  activitySource,
  candidatesFrom,
  latestActivity,
} from "./candidates.ts";
import { type ChangedEntries, estimateChanged } from "./changed-entries.ts";
import { type ChangesReach, changesReach, lastIdBefore, momentOf } from "./changes.ts";
import { ask, type PreferencesSetup, preferencesSetup, withStores } from "./setup.ts";
import { type CacheSample, exportersSample, sampleCache } from "./stale-sample.ts";

/** Entries of each primary that are looked at for the plan. */
const entriesOfPrimary = 200;
/** Rows of the latest activity that are looked at for the plan and for the verification. */
export const candidateRows = 2_000;
/** Share of the latest active users whose entries are there in a cache that is warm: the runbooks' own. */
export const warmRatio = 0.9;
/** Reads that Postgres is taken to serve in a second where nothing says so: what a small server does. */
const assumedReads = 5_000;
/** Seconds beyond the life of an entry: workers keep changes for as long (docs/preferences.md). */
const slackSeconds = 960;
/** Seconds for which changes are kept at least (docs/preferences.md). */
const keptSeconds = 86_400;
const maxWarm = 1e9;

/** What execution and verification need of a plan. */
export interface PreferencesDetails {
  /** By the entries of those who changed something, or by all entries. */
  readonly by: "changes" | "scan";
  /** Changes with larger ids are looked at. */
  readonly after: number;
  /** The last change at the time of the plan. */
  readonly upTo: number;
  /** Postgres's snapshot at the time of the plan: what it sees must not be hidden by an entry afterwards. */
  readonly snapshot: string;
  /** Users to warm the cache with, at most, from this place of their activity on. */
  readonly warm: { readonly users: number; readonly from: ActivityPlace } | undefined;
  /** Reads of Postgres in a second, at most, and the milliseconds in which they rise to that. */
  readonly reads: { readonly limit: number; readonly rampMs: number };
}

const count = (value: number) => Math.round(value).toLocaleString("en-US");
const seconds = (value: number) => formatDuration(Math.max(0, value) * 1_000);
const tally = <T>(all: readonly T[], one: T) => all.filter((each) => each === one).length;

/** What the operator asked for. Throws USAGE. */
function asked({ options }: RecoveryContext<"preferences">, setup: PreferencesSetup) {
  const { since, ramp } = options;
  const warm = options["no-warm"] ? 0 : (options.warm ?? setup.recovery.warm_users);
  if (since !== undefined && !(since > 0)) {
    throw new RedisopsError("USAGE", "--since expects a duration above 0, such as 90m");
  }
  if (!Number.isInteger(warm) || warm < 0 || warm > maxWarm) {
    throw new RedisopsError("USAGE", "--warm expects a number of people");
  }
  return { since, warm, rampMs: ramp };
}

/** Why all entries have to be compared with their rows; undefined where those of changed users are enough. */
function whyScan(
  found: {
    readonly source: ChangesSource;
    readonly reach: ChangesReach;
    readonly cache: CacheSample;
    readonly states: readonly EntryState[];
  },
  begin: { readonly moment: number; readonly lookback: number },
): string | undefined {
  const { source, reach, cache, states } = found;
  if (source !== "changes_table") return "there is no table of changes";
  const future = tally(cache.compared, "future");
  if (future > 0) {
    return `${count(future)} of ${count(cache.compared.length)} sampled entries were read from transactions that Postgres does not have: it has lost commits, or was restored`;
  }
  const stale = cache.stale + tally(states, "stale");
  if (stale > 0) {
    return `${count(stale)} of ${count(cache.compared.length + states.length)} sampled entries contradict their row, and no change on record explains it`;
  }
  const tooShort = reach.firstAt === undefined || reach.firstAt > begin.moment;
  if (tooShort && begin.lookback > keptSeconds && reach.first !== 1) {
    return "the table of changes does not reach back that far";
  }
  return undefined;
}

function entriesFact({ people, exact, ...found }: ChangedEntries): Fact {
  const missing = people - found.outdated - found.otherLayout - found.later - found.reflecting;
  const parts = [
    `${count(found.outdated)} outdated`,
    `${count(found.otherLayout)} of another layout`,
    `${count(found.reflecting + found.later)} newer than the change`,
    `${count(missing)} without an entry`,
  ];
  return {
    label: "their entries",
    value: `${parts.join(", ")}${exact ? "" : `, of ${count(people)} sampled people`}`,
  };
}

function sampleFact({ compared, keys, stale }: CacheSample): Fact {
  const found = [
    `${count(tally(compared, "different"))} differ from their row (${count(stale)} without a known change)`,
    `${count(tally(compared, "future"))} from lost transactions`,
    `${count(tally(compared, "other_layout"))} of another layout`,
  ];
  return {
    label: "cache",
    value: `${count(keys)} keys; of ${count(compared.length)} sampled entries ${found.join(", ")}`,
  };
}

/** Whether and with whom the cache is to be warmed: `users` at most, of those up to `limit` that there are. */
async function planWarming(
  setup: PreferencesSetup,
  database: PostgresConnection,
  entries: CacheEntries,
  hasChanges: boolean,
  limit: number,
) {
  const from =
    limit === 0 ? undefined : await ask(database, (client) => latestActivity(client, setup, hasChanges));
  if (from === undefined) {
    const why = limit === 0 ? "not asked for" : "nobody is known to have been active";
    return { from, users: 0, fact: { label: "warming", value: `none: ${why}` } };
  }
  const users = await ask(database, (client) => activityRows(client, setup, limit));
  const page = await ask(database, (client) => candidatesFrom(client, setup, from, candidateRows));
  const sampled = page.users.slice(0, users);
  const missing = (await entries.missing(sampled)).length;
  const needed = missing > (1 - warmRatio) * sampled.length;
  const value = `${activitySource(setup)}: ${count(missing)} of the ${count(sampled.length)} latest have no entry${needed ? "" : ", which is warm"}`;
  return { from, users: needed ? users : 0, fact: { label: "warming", value } };
}

function readsFact({ tables, recovery }: PreferencesSetup, limit: number, warm: number): Fact {
  const known = tables.reads_per_second;
  const capacity =
    known === undefined
      ? `${count(assumedReads)} assumed, as postgres.tables.preferences.reads_per_second is not set`
      : `${count(known)} a second`;
  const time = warm === 0 ? "" : `; ${count(warm)} people take ${seconds(warm / limit)} at least`;
  return {
    label: "load on Postgres",
    value: `up to ${count(limit)} reads a second, ${count(recovery.read_share * 100)} % of what it serves (${capacity})${time}`,
  };
}

/** Looks at cache and Postgres, and says what would be deleted and warmed. */
export async function planPreferences(
  context: RecoveryContext<"preferences">,
): Promise<Plan<PreferencesDetails>> {
  const setup = preferencesSetup(context.config);
  const { since, warm, rampMs } = asked(context, setup);
  const target = describeTarget("preferences", setup.cache);
  return withStores(setup, async (stores) => {
    const { entries, database } = stores;
    if (await ask(database, isStandby)) {
      throw new RedisopsError("POSTGRES_ERROR", `${database.target} is a standby`, {
        target: database.target,
        next: "Set postgres.address to the primary: a standby’s rows may be older than the cache’s entries.",
      });
    }
    const moment = await ask(database, momentOf);
    const source = await ask(database, (client) => changesSource(client, setup.tables));
    const hasChanges = source === "changes_table";
    const reach: ChangesReach = hasChanges
      ? await ask(database, (client) => changesReach(client, setup.tables))
      : { first: 0, last: 0, firstAt: undefined };
    const cache = await sampleCache(setup, stores, source, entriesOfPrimary);
    const states = source === "none" ? [] : await exportersSample(setup, stores, source);
    context.signal.throwIfAborted();

    const life = (parseDuration(setup.recovery.entry_ttl) / 1_000) * (1 + lifeJitter);
    const oldest = Math.max(0, moment.clock - (cache.oldest ?? moment.clock));
    const lookback = since === undefined ? Math.max(life, oldest) + slackSeconds : since / 1_000;
    const begin = { moment: moment.clock - lookback, lookback };
    const reason = context.options.scan
      ? "--scan asks for it"
      : whyScan({ source, reach, cache, states }, begin);
    const after = hasChanges
      ? await ask(database, (client) => lastIdBefore(client, setup.tables, reach, begin.moment))
      : 0;
    const span = { after, upTo: reach.last, snapshot: moment.snapshot };
    const judged = reason === undefined ? await estimateChanged(setup, stores, span) : undefined;
    context.signal.throwIfAborted();
    const warming = await planWarming(setup, database, entries, hasChanges, warm);
    const limit = (setup.tables.reads_per_second ?? assumedReads) * setup.recovery.read_share;

    const wrong =
      judged === undefined ? cache.keys > 0 : !judged.exact || judged.outdated > 0 || judged.otherLayout > 0;
    const warmUsers = warming.users;
    const changes = Math.max(0, span.upTo - span.after);
    const cleaned = judged === undefined ? cache.keys : changes;
    return {
      target,
      facts: [
        sampleFact(cache),
        {
          label: "looks at",
          value:
            reason === undefined
              ? `the ${judged?.exact === true ? "" : "about "}${count(changes)} changes of the last ${seconds(lookback)} (${
                  since === undefined
                    ? `an entry lives ${seconds(life)} at most, the oldest sampled one is ${seconds(oldest)} old`
                    : "--since"
                })`
              : `every entry, because ${reason}`,
        },
        ...(judged === undefined ? [] : [entriesFact(judged)]),
        warming.fact,
        readsFact(setup, limit, warmUsers),
      ],
      steps: [
        ...(judged === undefined
          ? [
              "compare every entry with its row, and delete those that differ, unless they were written anew since",
            ]
          : [
              "delete the entries that do not reflect an opt-out, unless they were written anew since",
              "delete those that do not reflect another change, or have another layout",
            ]),
        ...(warmUsers > 0
          ? [
              `read up to ${count(warmUsers)} people, the latest active first, and write their entries where there is none; the reads rise to their limit within ${formatDuration(rampMs)} while Postgres answers quickly`,
            ]
          : []),
      ],
      risks: [
        "each deleted entry costs Postgres a read when its person is notified next",
        ...(judged === undefined
          ? []
          : [
              `changes that went past the triggers of ${setup.tables.table} are not found: --scan compares every entry with its row`,
            ]),
        ...(warmUsers > 0
          ? ["where memory is short, new entries push others out: lower --warm if keys are evicted"]
          : []),
        "what was sent meanwhile against an opt-out stays sent, and no audit names it: a stale entry looked right to its readers",
      ],
      hasChanges: wrong || warmUsers > 0,
      items: (wrong ? cleaned : 0) + warmUsers,
      details: {
        by: judged === undefined ? "scan" : "changes",
        after: span.after,
        upTo: span.upTo,
        snapshot: moment.snapshot,
        warm:
          warming.from === undefined || warmUsers === 0
            ? undefined
            : { users: warmUsers, from: warming.from },
        reads: { limit, rampMs },
      },
    };
  });
}
