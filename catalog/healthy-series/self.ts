import { redisRoles } from "../roles.ts";
import type { HealthySeries } from "./healthy-series.ts";

/** What each role, and Postgres, is probed for. The job of the role `rate_limit` has the same name, and so on. */
const probes: readonly (readonly [role: string, probe: string, target?: string])[] = [
  ...redisRoles.flatMap((role) => [
    [role, "redis"] as const,
    [role, "nodes"] as const,
    [role, "contract"] as const,
  ]),
  ["dedup", "sentinels"],
  ["preferences", "cluster"],
  ["token_bucket", "cluster"],
  ["registry", "registry"],
  ["registry", "pending_deliveries", "pending_deliveries"],
  ["rate_limit", "rate_limit"],
  ["sequence", "sequence"],
  ["preferences", "preferences"],
  ["dedup", "bloom"],
  ["token_bucket", "token_buckets"],
  ["token_bucket", "provider", "twilio/main"],
  ["postgres", "postgres"],
  ["postgres", "pgbouncer"],
];

/** Calls that the applications send to each role's store, per minute; of a hundred thousand one is not answered in time. */
const callsPerMinute = 100_000;

const stores = [...redisRoles, "postgres"] as const;

export const healthySelf: readonly HealthySeries[] = [
  { metric: "up", labels: { job: "redisops", instance: "exporter-1:9910" }, value: 1 },
  { metric: "up", labels: { job: "redisops", instance: "exporter-2:9910" }, value: 1 },
  // The same by service discovery, each role a target of its own, shared between the exporters.
  { metric: "up", labels: { job: "redisops", instance: "exporter-1:9910", role: "registry" }, value: 1 },
  { metric: "up", labels: { job: "redisops", instance: "exporter-2:9910", role: "postgres" }, value: 1 },
  ...probes.map(([role, probe, target = role]): HealthySeries => {
    return { metric: "redisops_probe_success", labels: { probe, role, target }, value: 1 };
  }),
  ...stores.flatMap((role): HealthySeries[] => [
    { metric: "redisops_store_calls_total", labels: { role }, value: 0, increase: callsPerMinute },
    {
      metric: "redisops_store_failures_total",
      labels: { role, error_class: "timeout" },
      value: 0,
      increase: 1,
    },
    {
      metric: "redisops_store_failures_total",
      labels: { role, error_class: "refused" },
      value: 0,
      increase: 0,
    },
  ]),
];
