import type { HealthySeries } from "./healthy-series.ts";

const preferences = { role: "preferences" } as const;

/** A cluster of six shards; 1,000 decisions a second, all of them by the cache. */
export const healthyPreferences: readonly HealthySeries[] = [
  { metric: "redisops_role_up", labels: preferences, value: 1 },
  { metric: "redisops_decisions_total", labels: preferences, value: 0, increase: 60_000 },
  ...["postgres", "unverified", "opted_in"].map((fallback) => ({
    metric: "redisops_decisions_degraded_total" as const,
    labels: { ...preferences, fallback },
    value: 0,
    increase: 0,
  })),
  { metric: "redisops_preference_exposures_total", labels: preferences, value: 0, increase: 0 },
  { metric: "redisops_preference_stale_entries_total", labels: preferences, value: 0, increase: 30 },
  ...Object.entries({ current: 60, outdated: 10, missing: 30, stale: 0, unknown_layout: 0 }).map(
    ([state, value]) => ({
      metric: "redisops_preference_sampled_entries" as const,
      labels: { ...preferences, state },
      value,
    }),
  ),
];
