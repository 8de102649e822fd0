import { healthyDedup } from "./healthy-series/dedup.ts";
import type { HealthySeries } from "./healthy-series/healthy-series.ts";
import { healthyPostgres } from "./healthy-series/postgres.ts";
import { healthyPreferences } from "./healthy-series/preferences.ts";
import { healthyRateLimit } from "./healthy-series/rate-limit.ts";
import { healthyRecovery } from "./healthy-series/recovery.ts";
import { healthyRegistry } from "./healthy-series/registry.ts";
import { healthySelf } from "./healthy-series/self.ts";
import { healthySequence } from "./healthy-series/sequence.ts";
import { healthyTokenBucket } from "./healthy-series/token-bucket.ts";
import { healthyTopology } from "./healthy-series/topology.ts";

/** A healthy platform as Prometheus sees it: every alert must be silent on it, and every alert test departs from it. */
export const healthySeries: readonly HealthySeries[] = [
  ...healthySelf,
  ...healthyRegistry,
  ...healthyRateLimit,
  ...healthySequence,
  ...healthyPreferences,
  ...healthyDedup,
  ...healthyTokenBucket,
  ...healthyPostgres,
  ...healthyTopology,
  ...healthyRecovery,
];
