import { performance } from "node:perf_hooks";
import type { Client } from "pg";
import type { PostgresConfig, PreferencesConfig } from "../../core/config/postgres-section.ts";
import type { RolesConfig } from "../../core/config/redis-section.ts";
import { messageOf } from "../../core/errors.ts";
import { describePostgres } from "../../core/postgres/connect.ts";
import { postgresError } from "../../core/postgres/postgres-error.ts";
import { changedUsers, changesSource, isStandby } from "../../core/preferences/changed-users.ts";
import { entrySamples, judgeEntries } from "../../core/preferences/judge-entries.ts";
import { readPreferencesQuery } from "../../core/preferences/read-row.ts";
import { describeTarget } from "../../core/redis/connect.ts";
import { type Sample, sample } from "../../core/samples.ts";
import { connectionsInUse, readSessions } from "../postgres/sessions.ts";
import { withPostgres } from "../postgres-session.ts";
import { countdown, type Probe, type Scrape } from "../probe.ts";
import { CacheReads, median, timedReads } from "./cache-reads.ts";
import type { PreferencesMemory } from "./preferences-memory.ts";
import { randomUsers } from "./random-users.ts";
import { burstLength, measureReadCapacity } from "./read-capacity.ts";

const role = "preferences";
const labels = { role } as const;

/** Share of the time in which the cache has to answer, so that what it does not answer is no failure of Postgres. */
const cacheShare = 0.6;
/** Postgres is measured only while a read takes less than this, in seconds, … */
const healthyReadSeconds = 0.02;
/** … and less than this share of its connections is in use. */
const idleShare = 0.5;
/** Nobody's preferences: read from the cache until somebody's are known. */
const nobody = "redisops:probe";

/** What the probe is about. */
export interface PreferencesTarget {
  readonly cache: NonNullable<RolesConfig["preferences"]>;
  readonly postgres: PostgresConfig;
  readonly tables: PreferencesConfig;
}

/** The median time of single reads by primary key, in seconds; undefined where nobody has preferences. */
async function timeRows(client: Client, tables: PreferencesConfig, users: readonly string[]) {
  const [first] = users;
  if (first === undefined) return undefined;
  const text = readPreferencesQuery(tables.table);
  const seconds: number[] = [];
  for (let n = 0; n < timedReads; n += 1) {
    const asked = performance.now();
    await client.query(text, [users[n % users.length] ?? first]);
    seconds.push((performance.now() - asked) / 1_000);
  }
  return median(seconds);
}

const readSeconds = (source: "cache" | "postgres", seconds: number) =>
  sample("redisops_preference_probe_read_seconds", { role, source }, seconds);

/** Whether the cache is believed where it should not be, and what its loss would mean for Postgres. */
export function preferencesProbe(target: PreferencesTarget, memory: PreferencesMemory): Probe {
  const { postgres, tables } = target;
  const where = describePostgres(postgres);

  /** Judges sampled entries. Answers the first reason why some could not be read. */
  const judge = async (
    client: Client,
    reads: CacheReads,
    emit: (sample: Sample) => void,
    { trace }: Scrape,
  ): Promise<unknown> => {
    if (await isStandby(client)) {
      trace(`no entry is judged: ${where} is a standby, whose rows may be older than the entries`);
      return undefined;
    }
    const source = await changesSource(client, tables);
    if (source === "none") {
      trace(
        `no entry is judged: there is no table ${tables.changes_table}, and no index on ${tables.table} (changed_at)`,
      );
      return undefined;
    }
    let failure: unknown;
    const users = await changedUsers(client, tables, source);
    const entries = await reads.entries(users, (error) => {
      failure ??= error;
    });
    // That nobody's entry could be read is no news of the entries.
    if (entries.length === 0 && failure !== undefined) return failure;
    const states = await judgeEntries(client, tables, source, entries);
    trace(`${entries.length} of ${users.length} sampled entries judged by ${source}`);
    for (const one of entrySamples(states)) emit(one);
    return failure;
  };

  /** Measures what Postgres can do, if it is time for that and Postgres has room for it. */
  const measure = async (
    client: Client,
    users: readonly string[],
    seconds: number,
    { left, trace }: Scrape,
  ) => {
    if (tables.reads_per_second !== undefined || !memory.measurementDue) return;
    if (seconds > healthyReadSeconds || left() < 4 * burstLength) {
      return trace("capacity not measured: Postgres answers too slowly for that");
    }
    const sessions = await readSessions(client);
    if (connectionsInUse(sessions) >= idleShare * sessions.limit) {
      return trace("capacity not measured: too many of Postgres’s connections are in use");
    }
    // Another run may have begun one meanwhile.
    if (!memory.measurementDue) return;
    memory.measurementBegins();
    try {
      const readsPerSecond = await measureReadCapacity(postgres, tables, users);
      memory.capacity = { target: where, readsPerSecond, measuredAt: Date.now() };
    } catch (error) {
      trace(`capacity not measured: ${messageOf(error)}`);
    }
  };

  return {
    name: "preferences",
    role,
    group: role,
    target: role,
    address: `${describeTarget(role, target.cache)} before table ${tables.table} of ${where}`,
    async run(emit, scrape) {
      memory.runBegins();
      const reads = new CacheReads(scrape.redis(role), target.cache, countdown(scrape.left() * cacheShare));
      const cache = reads
        .time(memory.users.length > 0 ? memory.users : [nobody])
        .then((seconds) => emit(readSeconds("cache", seconds)));
      const database = withPostgres(postgres, scrape.left(), async (client) => {
        const users = await randomUsers(client, tables);
        memory.users = users;
        const seconds = await timeRows(client, tables, users);
        if (seconds !== undefined) emit(readSeconds("postgres", seconds));
        const failure = await judge(client, reads, emit, scrape);
        // While the cache is away Postgres carries its load.
        const cacheAnswers = await cache.then(
          () => failure === undefined,
          () => false,
        );
        if (cacheAnswers && seconds !== undefined) await measure(client, users, seconds, scrape);
        return failure;
      });
      const [byCache, byDatabase] = await Promise.allSettled([cache, database]);
      if (byDatabase.status === "rejected") throw postgresError(byDatabase.reason, where);
      if (byCache.status === "rejected") throw byCache.reason;
      if (byDatabase.value !== undefined) throw byDatabase.value;
    },
    conclude() {
      if (tables.reads_per_second !== undefined) {
        const source = "declared";
        return [sample("redisops_preference_read_capacity", { role, source }, tables.reads_per_second)];
      }
      const { capacity } = memory;
      if (capacity?.target !== where) return [];
      const measured = { ...labels, source: "measured" } as const;
      return [
        sample("redisops_preference_read_capacity", measured, capacity.readsPerSecond),
        sample(
          "redisops_preference_read_capacity_timestamp_seconds",
          measured,
          Math.floor(capacity.measuredAt / 1_000),
        ),
      ];
    },
  };
}
