/** The jobs that a platform gives to Redis. Each has its own topology, key layout and fallback. */
export const redisRoles = [
  "registry",
  "rate_limit",
  "sequence",
  "preferences",
  "dedup",
  "token_bucket",
] as const;

export type RedisRole = (typeof redisRoles)[number];

/** What a degradation mode, a probe or a metric is about: a Redis role, the durable store behind it, or redisops itself. */
export const roles = [...redisRoles, "postgres", "self"] as const;

export type Role = (typeof roles)[number];

/** A short noun for each role, used in sentences and as dashboard row titles. */
export const roleTitles: Readonly<Record<Role, string>> = {
  registry: "Connection registry",
  rate_limit: "Rate limiting",
  sequence: "Sequence counters",
  preferences: "Preferences cache",
  dedup: "Deduplication filter",
  token_bucket: "Provider token buckets",
  postgres: "Postgres",
  self: "redisops itself",
};

/** The same for a mode that may hold for any role. */
export const modeRoleTitles: Readonly<Record<Role | "any", string>> = {
  ...roleTitles,
  any: "Any Redis role",
};
