import { DateTimeFromNow, NoUnit, PercentUnit, Seconds } from "@grafana/grafana-foundation-sdk/units";
import { colors } from "../colors.ts";
import type { DataPanel } from "../panel.ts";
import { maxBy } from "../series.ts";
import { statePanel } from "../state-panel.ts";

const run = ["role", "recovery"] as const;
const legend = "{{recovery}} ({{role}})";
const noRuns =
  "No recovery was ever run on this platform, Postgres (which keeps the list of runs) did not answer, or no exporter was scraped.";
const afterRun = { after: "a recovery was carried out with --execute" } as const;

/** Which recoveries are being carried out. */
export const recoveriesRunning: DataPanel = statePanel(
  {
    id: "recoveries-running",
    title: "Recoveries under way",
    meaning:
      "Each run of redisops recover --execute, from its start until its verification has ended, as it says of itself every 5 s in Postgres. One that says nothing for 30 s, because it was killed or does not reach Postgres, is at rest here and failed in “Latest run of each recovery”. A second run of the same role is refused while one is under way, as long as both keep their lock in Postgres; redisops recover join lets another machine help it.",
    normal: "nothing runs; never two of one role.",
    width: 8,
    height: 8,
    queries: [{ expression: maxBy(run, "redisops_recovery_running"), legend, present: afterRun }],
    empty: noRuns,
  },
  { zero: "at rest", one: "running", bad: 1, color: colors.undertaken },
);

/** How far they are. */
export const recoveryProgress: DataPanel = {
  id: "recovery-progress",
  kind: "timeseries",
  title: "Progress of recoveries",
  meaning:
    "Share of the present phase that the run under way has done; a run has several, so the line may start again at 0. A flat line below 100 %: what it reads from or writes to is slow or does not answer; its own output names the phase. A line that ends early is a run that ended or was killed.",
  normal: "no line, or one that climbs steadily.",
  width: 8,
  height: 8,
  unit: PercentUnit,
  min: 0,
  max: 1,
  queries: [
    {
      expression: maxBy(run, "redisops_recovery_done_ratio"),
      legend,
      present: { after: "a recovery of known size is under way" },
    },
  ],
  empty: "No recovery is under way, or its size is not known, or no exporter was scraped.",
};

/** Whether they wait. */
export const recoveryPaused: DataPanel = statePanel(
  {
    id: "recovery-paused",
    title: "Runs that wait",
    meaning:
      "Whether the run under way waits because its Redis answers slowly, a replica is too far behind, or Postgres is slow or short of connections (recovery.limits in redisops.yaml). It goes on by itself; redisops recover show says what it waits for, redisops recover throttle takes load off it for good.",
    normal: "no row, or one that works; short waits now and then.",
    width: 8,
    height: 8,
    queries: [
      {
        expression: maxBy(run, "redisops_recovery_paused"),
        legend,
        present: { after: "a recovery is under way" },
      },
    ],
    empty: "No recovery is under way, or no exporter was scraped.",
  },
  { zero: "works", one: "waits", bad: 1, color: colors.ticket },
);

/** How they ended. */
export const recoveryOutcome: DataPanel = statePanel(
  {
    id: "recovery-failed",
    title: "Latest run of each recovery",
    meaning:
      "Whether the latest run failed or its verification did not hold. A run that was killed counts as failed from 30 s after its last sign of life; one that was stopped with Ctrl-C does not count. Failed stays until a later run of the same recovery succeeds: what it was meant to mend is not mended until then; redisops recover resume goes on where it stopped.",
    normal: "every row succeeded.",
    width: 12,
    height: 8,
    queries: [{ expression: maxBy(run, "redisops_recovery_last_run_failed"), legend, present: afterRun }],
    empty: noRuns,
  },
  { zero: "succeeded", one: "failed", bad: 1, color: colors.ticket },
);

/** How long they took. */
export const recoveryDuration: DataPanel = {
  id: "recovery-duration",
  kind: "timeseries",
  title: "Duration of the latest run",
  meaning:
    "From start to end of each recovery’s latest run, of one that is under way until now. How long the next one takes can be read here: a rebuild of the filter grows with the ids of its window, a drain with the messages that wait.",
  normal: "about the same from one run to the next on the same data.",
  width: 6,
  height: 8,
  unit: Seconds,
  min: 0,
  queries: [
    {
      expression: `(${maxBy(run, "redisops_recovery_last_end_timestamp_seconds")} >= ${maxBy(run, "redisops_recovery_last_start_timestamp_seconds")}) - ${maxBy(run, "redisops_recovery_last_start_timestamp_seconds")} or (time() - ${maxBy(run, "redisops_recovery_last_start_timestamp_seconds")}) and ${maxBy(run, "redisops_recovery_running")} == 1`,
      legend,
      present: afterRun,
    },
  ],
  empty: noRuns,
};

/** When there was one last. */
export const recoveryLast: DataPanel = {
  id: "recovery-last",
  kind: "stat",
  title: "Latest end",
  meaning:
    "When each recovery last ended, well or not; of one that was killed, its last sign of life. One that was never rehearsed is the one that goes wrong at night: redisops lab has all of them to practise on.",
  normal: "within the last quarter, for every recovery that the platform would need.",
  width: 6,
  height: 8,
  unit: DateTimeFromNow,
  queries: [
    {
      expression: `1000 * ${maxBy(run, "redisops_recovery_last_end_timestamp_seconds")}`,
      legend,
      present: afterRun,
    },
  ],
  empty: "No recovery has been run yet",
};

/** Which faults were brought about on purpose. */
export const drillsRunning: DataPanel = {
  id: "drills-running",
  kind: "state-timeline",
  title: "Drills",
  meaning:
    "Faults that somebody has brought about on purpose, by the mode that they rehearse. What fires in the same stretch of time is the rehearsal, unless it goes on after the end.",
  normal: "nothing, outside a rehearsal that was announced.",
  width: 24,
  height: 7,
  unit: NoUnit,
  queries: [
    {
      expression: maxBy(["role", "mode"], "redisops_drill_running"),
      legend: "{{mode}} ({{role}})",
      present: { after: "a drill was started" },
    },
  ],
  states: [
    { value: 0, text: "none", color: colors.healthy },
    { value: 1, text: "drill", color: colors.undertaken },
  ],
  thresholds: [
    { from: undefined, color: colors.healthy },
    { from: 1, color: colors.undertaken },
  ],
  empty: "No drill has been run, or no exporter was scraped.",
};
