import type { Client } from "pg";
import { type RecoveryName, recoveryRoles, runLeaseSeconds } from "../../catalog/recoveries.ts";
import type { RedisRole } from "../../catalog/roles.ts";
import type { RunOutcome } from "./table.ts";

/** What the table of runs says of one recovery. Times are seconds since 1970. */
export interface RecoveryRuns {
  readonly recovery: RecoveryName;
  readonly role: RedisRole;
  /** When its latest run began. */
  readonly startedAt: number;
  /** When a run last ended; of one that died, its last sign of life. Undefined before the first end. */
  readonly endedAt: number | undefined;
  /** Whether the run that ended last failed or died; one that was interrupted on request does not count. */
  readonly failed: boolean;
  /**
   * The run that is under way, the latest of several; `share` is how far its present phase is, where that is known;
   * `paused`: it waits for its target's load to fall.
   */
  readonly running: { readonly share: number | undefined; readonly paused: boolean } | undefined;
}

/** A drill that is under way, as its row has it: `mode` and `role` may be anything. */
export interface DrillUnderWay {
  readonly mode: string;
  readonly role: string;
}

interface Row {
  readonly kind: "recovery" | "drill";
  readonly name: string;
  readonly role: string;
  readonly state: RunOutcome | "running";
  readonly alive: boolean;
  readonly started: number;
  readonly seen: number;
  readonly done: number | null;
  readonly total: number | null;
  readonly paused: boolean;
}

/** Rows that are read of one recovery, besides the one that decides whether it failed. */
const rowsPerRecovery = 8;
/** Most drills that are read. */
const mostDrills = 100;

function latestRunsQuery(table: string): string {
  const alive = `state = 'running' AND heartbeat_at > now() - $3 * interval '1 second'`;
  const columns = `run, kind, name, role, state, ${alive} AS alive, started_at, heartbeat_at, done, total, paused`;
  const ofRecovery = `FROM ${table} WHERE kind = 'recovery' AND name = asked.recovery AND role = asked.of_role`;
  return `
    SELECT kind, name, role, state, alive, done, total, paused,
           extract(epoch FROM started_at)::float8 AS started, extract(epoch FROM heartbeat_at)::float8 AS seen
    FROM (
      SELECT found.* FROM unnest($1::text[], $2::text[]) AS asked (recovery, of_role) CROSS JOIN LATERAL (
        (SELECT ${columns} ${ofRecovery} ORDER BY heartbeat_at DESC LIMIT ${rowsPerRecovery})
        UNION
        (SELECT ${columns} ${ofRecovery} AND state <> 'interrupted' AND NOT (${alive})
         ORDER BY heartbeat_at DESC LIMIT 1)
      ) AS found
      UNION ALL
      (SELECT ${columns} FROM ${table} WHERE kind = 'drill' AND ${alive} LIMIT ${mostDrills})
    ) AS runs`;
}

const shareOf = ({ done, total }: Row): number | undefined =>
  done === null || total === null || total <= 0 ? undefined : Math.min(1, Math.max(0, done / total));

function summary(recovery: RecoveryName, rows: readonly Row[]): RecoveryRuns | undefined {
  const byStart = [...rows].sort((a, b) => b.started - a.started);
  const ended = rows.filter(({ alive }) => !alive).sort((a, b) => b.seen - a.seen);
  const decisive = ended.find(({ state }) => state !== "interrupted");
  const running = byStart.find(({ alive }) => alive);
  const latest = byStart[0];
  if (latest === undefined) return undefined;
  return {
    recovery,
    role: recoveryRoles[recovery],
    startedAt: latest.started,
    endedAt: ended[0]?.seen,
    failed: decisive !== undefined && decisive.state !== "succeeded",
    running: running === undefined ? undefined : { share: shareOf(running), paused: running.paused },
  };
}

/** What the table of runs has of each recovery that ever ran, and the drills under way: one query, however many rows. */
export async function latestRuns(
  client: Client,
  table: string,
): Promise<{ readonly recoveries: readonly RecoveryRuns[]; readonly drills: readonly DrillUnderWay[] }> {
  const names = Object.keys(recoveryRoles) as RecoveryName[];
  const { rows } = await client.query<Row>(latestRunsQuery(table), [
    names,
    names.map((name) => recoveryRoles[name]),
    runLeaseSeconds,
  ]);
  const recoveries = names.flatMap(
    (name) =>
      summary(
        name,
        rows.filter((row) => row.kind === "recovery" && row.name === name),
      ) ?? [],
  );
  const drills = rows.filter(({ kind }) => kind === "drill").map(({ name, role }) => ({ mode: name, role }));
  return { recoveries, drills };
}
