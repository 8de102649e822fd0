import type { MetricDefinition } from "../metric-definition.ts";

/** Whether each role’s server does what clients ask of it. */
export const roleAvailabilityMetrics = {
  redisops_role_up: {
    type: "gauge",
    emitter: "exporter",
    help: "1 when the role’s server accepted a real command before the deadline (Redis: a write), else 0. In a cluster 1 as long as any shard does; see redisops_role_key_space_available_ratio.",
    labels: ["role"],
  },
  redisops_role_failure: {
    type: "gauge",
    emitter: "exporter",
    help: "1 for the way in which the role’s server failed to accept a command in this scrape, 0 for the others.",
    labels: ["role", "error_class"],
  },
  redisops_role_response_seconds: {
    type: "gauge",
    emitter: "exporter",
    help: "Time that the role’s server took for one real command in this scrape, connection already open; in a cluster the slowest shard.",
    labels: ["role"],
  },
  redisops_role_key_space_available_ratio: {
    type: "gauge",
    emitter: "exporter",
    help: "Share of the role’s key space whose primary accepted a write in this scrape; the rest of the users, conversations or accounts is without the role.",
    labels: ["role"],
  },
} as const satisfies Record<string, MetricDefinition>;
