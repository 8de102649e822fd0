import { RedisopsError } from "../../core/errors.ts";

/** Milliseconds after the last sign of life from which a lock is free for others. */
export const lockLease = 10_000;
/** Milliseconds between two signs of life; a fifth of the lease. */
export const lockHeartbeat = 2_000;

/**
 * A run's right to work on a role. One run has it at a time; its token is higher than that of every run before it, and
 * whoever finds another token than its own has been replaced.
 */
export interface RoleLock {
  readonly kind: "postgres" | "file";
  readonly token: number;
  /** The rate that an operator has asked for while the run is under way, as the last sign of life found it. */
  readonly askedRate: number | undefined;
  /** Rejects with FENCED_OFF when another run has the role, and with what keeps the lock from answering. */
  check(): Promise<void>;
  /** Lets others see why the run waits; undefined: it does not. */
  showPaused(reason: string | undefined): void;
  /** Gives the role back. Never rejects. */
  release(): Promise<void>;
}

/** Another run works on the role. */
export function lockHeld(
  role: string,
  holder: { readonly run?: string; readonly host?: string },
): RedisopsError {
  const who = holder.run === undefined ? "another run" : `run ${holder.run}`;
  const where = holder.host === undefined ? "" : ` on ${holder.host}`;
  return new RedisopsError("LOCK_HELD", `The role ${role} is being recovered by ${who}${where}`, {
    ...(holder.run === undefined
      ? {}
      : {
          next: `redisops recover show ${holder.run} says how far it is; redisops recover join ${holder.run} helps it where its work can be shared. A run that was killed frees the role within ${lockLease / 1000} seconds.`,
        }),
  });
}

/** Another run has the role by now. */
export function fencedOff(role: string, run: string): RedisopsError {
  return new RedisopsError(
    "FENCED_OFF",
    `Run ${run} no longer has the role ${role}: another run has taken it over`,
  );
}
