import { metrics } from "../metrics.ts";
import type { HealthySeries } from "./healthy-series.ts";

const registry = { role: "registry" } as const;

/** Messages handed over per minute; one in ten thousand comes after the longest bound that an objective looks at. */
const handedOver = 54_000;
const late = 5;

const { buckets } = metrics.redisops_delivery_delay_seconds;

/** One server, 200,000 people connected to two connection servers, 1,000 messages a second. */
export const healthyRegistry: readonly HealthySeries[] = [
  { metric: "redisops_role_up", labels: registry, value: 1 },
  { metric: "redisops_registry_canary_ratio", labels: registry, value: 1 },
  { metric: "redisops_registry_entries", labels: registry, value: 200_000 },
  ...["connections-1:9000", "connections-2:9000"].map((instance): HealthySeries => {
    return { metric: "redisops_registry_connections", labels: { ...registry, instance }, value: 100_000 };
  }),
  { metric: "redisops_pending_deliveries", labels: registry, value: 2000 },
  { metric: "redisops_pending_deliveries_deliverable_ratio", labels: registry, value: 0 },
  { metric: "redisops_decisions_total", labels: registry, value: 0, increase: 60_000 },
  {
    metric: "redisops_decisions_degraded_total",
    labels: { ...registry, fallback: "offline" },
    value: 0,
    increase: 6,
  },
  { metric: "redisops_delivery_delay_seconds_count", labels: registry, value: 0, increase: handedOver },
  ...[...buckets.map(String), "+Inf"].map((le): HealthySeries => {
    const increase = le === "+Inf" ? handedOver : handedOver - late;
    return {
      metric: "redisops_delivery_delay_seconds_bucket",
      labels: { ...registry, le },
      value: 0,
      increase,
    };
  }),
];
