import { modes } from "../catalog/modes.ts";
import { roles } from "../catalog/roles.ts";
import type { PostgresConfig } from "../core/config/postgres-section.ts";
import { describePostgres } from "../core/postgres/connect.ts";
import { type DrillUnderWay, latestRuns, type RecoveryRuns } from "../core/recovery-runs/latest-runs.ts";
import { runsTable, runsTableExists } from "../core/recovery-runs/table.ts";
import { type Sample, sample } from "../core/samples.ts";
import { withPostgres } from "./postgres-session.ts";
import type { Probe } from "./probe.ts";

function recoverySamples({ recovery, role, startedAt, endedAt, failed, running }: RecoveryRuns): Sample[] {
  const labels = { role, recovery };
  return [
    sample("redisops_recovery_running", labels, running === undefined ? 0 : 1),
    sample("redisops_recovery_last_run_failed", labels, failed ? 1 : 0),
    sample("redisops_recovery_last_start_timestamp_seconds", labels, startedAt),
    ...(endedAt === undefined
      ? []
      : [sample("redisops_recovery_last_end_timestamp_seconds", labels, endedAt)]),
    ...(running === undefined ? [] : [sample("redisops_recovery_paused", labels, running.paused ? 1 : 0)]),
    ...(running?.share === undefined ? [] : [sample("redisops_recovery_done_ratio", labels, running.share)]),
  ];
}

/** Only of modes and roles that exist, once each: rows may come from other versions, and drills may overlap. */
function drillSamples(drills: readonly DrillUnderWay[]): Sample[] {
  return modes.flatMap(({ id }) =>
    roles
      .filter((role) => drills.some((drill) => drill.mode === id && drill.role === role))
      .map((role) => sample("redisops_drill_running", { role, mode: id }, 1)),
  );
}

/** Which recoveries and drills are under way, and how the recoveries ended. No table yet: no run yet. */
export function runsProbe(postgres: PostgresConfig): Probe {
  const table = runsTable(postgres);
  return {
    name: "runs",
    role: "postgres",
    group: "postgres",
    target: "runs",
    address: `table ${table} of ${describePostgres(postgres)}`,
    async run(emit, { left }) {
      await withPostgres(postgres, left(), async (client) => {
        if (!(await runsTableExists(client, table))) return;
        const { recoveries, drills } = await latestRuns(client, table);
        for (const each of [...recoveries.flatMap(recoverySamples), ...drillSamples(drills)]) emit(each);
      });
    },
  };
}
