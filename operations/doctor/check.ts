import { withDeadline } from "../../core/deadline.ts";
import { RedisopsError, toRedisopsError } from "../../core/errors.ts";

/**
 * How a check ended. `warning` is worth a look and breaks nothing; `skipped` says why something was not checked, or could
 * not be.
 */
export const checkStatuses = ["ok", "warning", "failed", "skipped"] as const;

export type CheckStatus = (typeof checkStatuses)[number];

/** What a check found. */
export interface Check {
  /** What was checked, such as `redis.dedup.acl`: stable, for scripts. */
  readonly id: string;
  readonly status: CheckStatus;
  /** What was found, for a reader. Never a secret. */
  readonly found: string;
  /** What to do about it: commands, SQL or lines of a file, as they are to be typed; absent where nothing is to be done. */
  readonly fix?: string;
}

/** Longest time for one connection or request, in milliseconds. */
export const requestDeadline = 5_000;

/** Longest time for all checks of one part of the platform, in milliseconds. */
const partDeadline = 20_000;

/** A check's result. */
export function checked(id: string, status: CheckStatus, found: string, fix?: string): Check {
  return { id, status, found, ...(fix !== undefined && { fix }) };
}

/** What went wrong, as a failed check. */
export function failure(id: string, error: unknown): Check {
  const { message, next } = toRedisopsError(error);
  return checked(id, "failed", message, next);
}

/** The checks of one part; where it throws or takes too long, one failed check with the reason under `id`. */
export async function part(id: string, work: () => Promise<readonly Check[]>): Promise<readonly Check[]> {
  const late = () =>
    new RedisopsError("PROBE_TIMEOUT", `The checks took longer than ${partDeadline / 1000} s`, {
      next: "Look at what hangs there with redisops status, then run redisops doctor again.",
    });
  try {
    return await withDeadline(work(), partDeadline, late);
  } catch (error) {
    return [failure(id, error)];
  }
}
