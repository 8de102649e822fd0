/** One user's preferences as they were read from Postgres, with what tells which changes they reflect. */
export interface CachedPreferences {
  /** The snapshot's `pg_snapshot_xmin`: every change by a transaction with a smaller id is reflected. */
  readonly asOf: number;
  /** When they were read, by Postgres's clock, in seconds since 1970. */
  readonly readAt: number;
  /** The channels that the user has opted out of. */
  readonly optedOut: readonly string[];
}

/** The value of a user's key in the cache: a JSON array of `asOf`, `readAt` and the channels. */
export function encodePreferences({ asOf, readAt, optedOut }: CachedPreferences): string {
  return JSON.stringify([asOf, readAt, ...optedOut]);
}

/** Reads a cached value. Undefined for anything that is not one: it is a miss then. */
export function decodePreferences(value: string): CachedPreferences | undefined {
  let parts: unknown;
  try {
    parts = JSON.parse(value);
  } catch {
    return undefined;
  }
  if (!Array.isArray(parts)) return undefined;
  const [asOf, readAt, ...optedOut] = parts as unknown[];
  if (typeof asOf !== "number" || typeof readAt !== "number") return undefined;
  if (!optedOut.every((channel) => typeof channel === "string")) return undefined;
  return { asOf, readAt, optedOut };
}

/** Entries written together shall not expire together: their life is spread by this share to either side. */
export const lifeJitter = 0.1;

/** The life of a new entry in whole milliseconds, of those that live `ttlMs` on average. */
export function entryLife(ttlMs: number): number {
  return Math.round(ttlMs * (1 - lifeJitter + 2 * lifeJitter * Math.random()));
}
