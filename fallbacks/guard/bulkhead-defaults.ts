/**
 * How much of Postgres one process takes when nothing else is said: statements at the same time, statements that wait for
 * their turn, and milliseconds from asking to answer. `redisops capacity` counts with it.
 */
export const bulkheadDefaults = { maxConcurrent: 8, maxQueued: 256, deadlineMs: 50 } as const;
