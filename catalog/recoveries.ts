import type { RedisRole } from "./roles.ts";

/** The recoveries by the name under which the CLI knows them, with the role that each one is for. */
export const recoveryRoles = {
  sequence: "sequence",
  registry: "registry",
  pending: "registry",
  bloom: "dedup",
  "token-buckets": "token_bucket",
  preferences: "preferences",
} as const satisfies Record<string, RedisRole>;

export type RecoveryName = keyof typeof recoveryRoles;

/**
 * Seconds after its last sign of life from which a run counts as dead: six heartbeats of five seconds (see
 * core/recovery-runs/announce.ts), so that a Postgres that restarts, or a machine that stalls, is not taken for one.
 */
export const runLeaseSeconds = 30;
