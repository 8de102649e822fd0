import { dedupMetrics } from "./exporter-metrics/dedup.ts";
import { postgresMetrics } from "./exporter-metrics/postgres.ts";
import { preferencesMetrics } from "./exporter-metrics/preferences.ts";
import { providerMetrics } from "./exporter-metrics/providers.ts";
import { rateLimitMetrics } from "./exporter-metrics/rate-limit.ts";
import { recoveryMetrics } from "./exporter-metrics/recovery.ts";
import { redisNodeMetrics } from "./exporter-metrics/redis-nodes.ts";
import { registryMetrics } from "./exporter-metrics/registry.ts";
import { roleAvailabilityMetrics } from "./exporter-metrics/role-availability.ts";
import { selfMetrics } from "./exporter-metrics/self.ts";
import { sequenceMetrics } from "./exporter-metrics/sequence.ts";
import { tokenBucketMetrics } from "./exporter-metrics/token-bucket.ts";
import { topologyMetrics } from "./exporter-metrics/topology.ts";
import type { MetricDefinition } from "./metric-definition.ts";

/** What the exporter's probes report, some of it also applications about their own traffic. */
export const exporterMetrics = {
  ...selfMetrics,
  ...roleAvailabilityMetrics,
  ...redisNodeMetrics,
  ...topologyMetrics,
  ...registryMetrics,
  ...rateLimitMetrics,
  ...sequenceMetrics,
  ...preferencesMetrics,
  ...dedupMetrics,
  ...tokenBucketMetrics,
  ...postgresMetrics,
  ...providerMetrics,
  ...recoveryMetrics,
} as const satisfies Record<string, MetricDefinition>;
