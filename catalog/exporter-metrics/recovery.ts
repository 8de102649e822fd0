import type { MetricDefinition } from "../metric-definition.ts";

/** What the table of runs says of recoveries and drills; nothing of one that never ran. */
export const recoveryMetrics = {
  redisops_recovery_running: {
    type: "gauge",
    emitter: "exporter",
    help: "1 while a run of the recovery is under way, else 0. A run without a sign of life for 30 seconds is not.",
    labels: ["role", "recovery"],
  },
  redisops_recovery_last_run_failed: {
    type: "gauge",
    emitter: "exporter",
    help: "1 when the recovery’s run that ended last failed, was found wrong by its verification, or died without a word; 0 once a later one succeeded. A run that was interrupted on request, or is under way, changes nothing.",
    labels: ["role", "recovery"],
  },
  redisops_recovery_last_start_timestamp_seconds: {
    type: "gauge",
    emitter: "exporter",
    help: "When the recovery’s latest run began.",
    labels: ["role", "recovery"],
  },
  redisops_recovery_last_end_timestamp_seconds: {
    type: "gauge",
    emitter: "exporter",
    help: "When a run of the recovery last ended, in whichever way; of one that died, its last sign of life. Absent before the first end.",
    labels: ["role", "recovery"],
  },
  redisops_recovery_done_ratio: {
    type: "gauge",
    emitter: "exporter",
    help: "How far the present phase of the run under way is, 0 to 1; absent where none is, or its size is not known.",
    labels: ["role", "recovery"],
  },
  redisops_recovery_paused: {
    type: "gauge",
    emitter: "exporter",
    help: "1 while the run under way waits because its target is under load (recovery.limits in redisops.yaml), 0 while it works; absent while none is under way.",
    labels: ["role", "recovery"],
  },
  redisops_drill_running: {
    type: "gauge",
    emitter: "exporter",
    help: "1 while a drill of the mode is under way for the role; absent while none is.",
    labels: ["role", "mode"],
  },
} as const satisfies Record<string, MetricDefinition>;
