import { type RecoveryName, recoveryRoles } from "../../catalog/recoveries.ts";
import type { Config } from "../../core/config/schema.ts";
import { messageOf, RedisopsError } from "../../core/errors.ts";
import { ReconnectingPostgres } from "../../core/postgres/reconnecting.ts";
import { runTables } from "../../core/recovery-runs/run-tables.ts";
import { askedRateFile } from "../lock/asked-rate.ts";
import { fileLockHolder } from "../lock/file-lock.ts";
import { lockLease } from "../lock/role-lock.ts";
import { type JournalEntry, journalFolder, journalledRuns, readJournal, stateFolder } from "./journal.ts";
import { readJournalRows } from "./journal-rows.ts";
import { type JournalledRun, readRun } from "./run-state.ts";

/** Milliseconds to connect, and for one statement. */
const timeouts = { connect: 3_000, statement: 5_000 };
/** Runs that are listed at most. */
const mostListed = 100;

/** A run as it is listed. */
export interface ListedRun {
  readonly run: string;
  readonly recovery: string;
  /** `died`: it has no end and gives no sign of life. `unknown`: it has no end, and Postgres does not say whether it lives. */
  readonly state: "running" | "died" | "unknown" | "succeeded" | "failed" | "interrupted";
  readonly code: string | undefined;
  readonly startedAt: string;
  readonly host: string;
  /** Why it waits at the moment. */
  readonly paused: string | undefined;
}

interface HeldRole {
  readonly run: string;
  readonly paused: string | null;
}

async function withDatabase<T>(
  config: Config,
  work: (database: ReconnectingPostgres) => Promise<T>,
): Promise<T | undefined> {
  if (config.postgres === undefined) return undefined;
  const database = new ReconnectingPostgres(config.postgres, timeouts);
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

/** The runs that have a role at the moment; none where there is no table. */
async function heldRoles(config: Config, database: ReconnectingPostgres): Promise<readonly HeldRole[]> {
  const { postgres } = config;
  if (postgres === undefined) return [];
  const { locks } = runTables(postgres);
  return database.work(async (client) => {
    const { rows: found } = await client.query<{ there: boolean }>(
      "SELECT to_regclass($1) IS NOT NULL AS there",
      [locks],
    );
    if (found[0]?.there !== true) return [];
    const { rows } = await client.query<HeldRole>(
      `SELECT run, paused FROM ${locks} WHERE run IS NOT NULL
         AND heartbeat_at > clock_timestamp() - $1 * interval '1 millisecond'`,
      [lockLease],
    );
    return rows;
  });
}

/**
 * A run's journal: this machine's, or where it has none, or a shorter one, that of Postgres. Rejects with RUN_UNKNOWN, or
 * where the run is not here with what keeps Postgres from answering.
 */
export async function findJournal(
  config: Config,
  run: string,
  onWarning: (message: string) => void,
): Promise<readonly JournalEntry[]> {
  if (!/^[a-z-]+-\d{8}T\d{6}Z-[0-9a-f]{6}$/.test(run)) {
    throw new RedisopsError("RUN_UNKNOWN", `“${run}” is not the id of a run`);
  }
  const here = readJournal(journalFolder(config), run);
  const { postgres } = config;
  if (postgres === undefined) {
    if (here === undefined) throw new RedisopsError("RUN_UNKNOWN", `There is no run ${run} on this machine`);
    return here;
  }
  try {
    const there = (await withDatabase(config, (database) => readJournalRows(database, postgres, run))) ?? [];
    const longer = there.length > (here?.length ?? 0) ? there : here;
    if (longer === undefined) {
      throw new RedisopsError(
        "RUN_UNKNOWN",
        `There is no run ${run}, neither on this machine nor in Postgres`,
      );
    }
    return longer;
  } catch (error) {
    if (here === undefined) throw error;
    onWarning(`only this machine’s journal was read: ${messageOf(error)}`);
    return here;
  }
}

/** What Postgres has of runs that this machine has no journal of: first and last lines are enough. */
async function journalsInPostgres(config: Config, database: ReconnectingPostgres) {
  const { postgres } = config;
  if (postgres === undefined) return [];
  const { journal } = runTables(postgres);
  return database.work(async (client) => {
    const { rows: found } = await client.query<{ there: boolean }>(
      "SELECT to_regclass($1) IS NOT NULL AS there",
      [journal],
    );
    if (found[0]?.there !== true) return [];
    const { rows } = await client.query<{ run: string; entries: JournalEntry[] }>(
      `SELECT first.run, ARRAY(
         SELECT entry FROM ${journal} AS lines WHERE lines.run = first.run AND (line = 0
           OR entry->>'event' IN ('resumed', 'failed', 'verified')) ORDER BY line) AS entries
       FROM ${journal} AS first WHERE line = 0 ORDER BY at DESC LIMIT $1`,
      [mostListed],
    );
    return rows;
  });
}

/** The latest run that was begun by a process of a group; undefined where there is none yet. */
export async function findGroupRun(
  config: Config,
  recovery: RecoveryName,
  group: string,
): Promise<string | undefined> {
  const { postgres } = config;
  if (postgres === undefined) return undefined;
  const { journal } = runTables(postgres);
  return withDatabase(config, (database) =>
    database.work(async (client) => {
      const { rows: found } = await client.query<{ there: boolean }>(
        "SELECT to_regclass($1) IS NOT NULL AS there",
        [journal],
      );
      if (found[0]?.there !== true) return undefined;
      const { rows } = await client.query<{ run: string }>(
        `SELECT run FROM ${journal} WHERE line = 0 AND entry->>'group' = $1 AND entry->>'recovery' = $2
         ORDER BY at DESC LIMIT 1`,
        [group, recovery],
      );
      return rows[0]?.run;
    }),
  );
}

/** What is listed of a run; undefined for a journal that is none. */
async function listed(
  run: string,
  entries: readonly JournalEntry[],
  config: Config,
  held: readonly HeldRole[] | undefined,
): Promise<ListedRun | undefined> {
  let journalled: JournalledRun;
  try {
    journalled = readRun(run, entries);
  } catch {
    return undefined;
  }
  const { started, state, code } = journalled;
  const holder = held?.find((each) => each.run === run);
  const open = async (): Promise<ListedRun["state"]> => {
    if (started.lock === "file") {
      const holds = await fileLockHolder(stateFolder(config), recoveryRoles[started.recovery]);
      return holds === run ? "running" : "died";
    }
    if (held === undefined) return "unknown";
    return holder === undefined ? "died" : "running";
  };
  return {
    run,
    recovery: started.recovery,
    state: state === "open" ? await open() : state,
    code,
    startedAt: started.at,
    host: started.host,
    paused: holder?.paused ?? undefined,
  };
}

/** The latest runs that this machine or Postgres knows, newest first, a hundred at most. */
export async function listRuns(config: Config, onWarning: (message: string) => void): Promise<ListedRun[]> {
  const folder = journalFolder(config);
  const known = new Map<string, readonly JournalEntry[]>();
  const time = (run: string) => run.slice(-"20260131T235959Z-1f2e3d".length);
  const local = journalledRuns(folder).sort((a, b) => time(b).localeCompare(time(a)));
  for (const run of local.slice(0, mostListed)) known.set(run, readJournal(folder, run) ?? []);
  let held: readonly HeldRole[] | undefined;
  try {
    await withDatabase(config, async (database) => {
      held = await heldRoles(config, database);
      for (const { run, entries } of await journalsInPostgres(config, database)) {
        if (!known.has(run)) known.set(run, entries);
      }
    });
  } catch (error) {
    onWarning(
      `only runs of this machine are listed, and not which of them are under way: ${messageOf(error)}`,
    );
  }
  const found = await Promise.all([...known].map(([run, entries]) => listed(run, entries, config, held)));
  return found
    .flatMap((run) => run ?? [])
    .sort((a, b) => b.startedAt.localeCompare(a.startedAt))
    .slice(0, mostListed);
}

/** How a run stands, by its journal and by who has the role. */
export async function listedRun(
  config: Config,
  run: string,
  entries: readonly JournalEntry[],
  onWarning: (message: string) => void,
): Promise<ListedRun> {
  const held = await withDatabase(config, (database) => heldRoles(config, database)).catch(
    (error: unknown) => {
      onWarning(`whether the run is under way is not known: ${messageOf(error)}`);
      return undefined;
    },
  );
  const found = await listed(run, entries, config, held);
  if (found !== undefined) return found;
  throw new RedisopsError("RUN_UNKNOWN", `The journal of ${run} does not say what the run is`);
}

/** Asks a run that is under way for another rate. Rejects with RUN_FINISHED where it is not. */
export async function askRate(config: Config, run: string, rate: number): Promise<void> {
  const { postgres } = config;
  const here = readJournal(journalFolder(config), run)?.[0];
  if (here?.event === "started" && here.lock === "file") {
    const holds = await fileLockHolder(stateFolder(config), recoveryRoles[here.recovery]);
    if (holds === run) return askedRateFile(stateFolder(config), run).write(rate);
  }
  const changed = await withDatabase(config, (database) =>
    database.work((client) =>
      client.query(
        `UPDATE ${runTables(postgres ?? { tables: {} }).locks} SET max_rate = $2 WHERE run = $1
           AND heartbeat_at > clock_timestamp() - $3 * interval '1 millisecond'`,
        [run, rate, lockLease],
      ),
    ),
  );
  if (changed?.rowCount === 1) return;
  throw new RedisopsError("RUN_FINISHED", `Run ${run} is not under way`, {
    next: `redisops recover show ${run} says how it ended.`,
  });
}
