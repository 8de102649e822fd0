import type { RedisRole } from "../../catalog/roles.ts";
import type { RedisConnectionConfig } from "../../core/config/redis-section.ts";
import type { Probe } from "../probe.ts";
import { clusterProbe } from "./cluster-probe.ts";
import { contractProbe } from "./contract-probe.ts";
import { nodesProbe } from "./nodes-probe.ts";
import { sentinelsProbe } from "./sentinels-probe.ts";

/** The probes of a role's servers: each by itself, how they stand together, and how they are set up. */
export function serverProbes(role: RedisRole, config: RedisConnectionConfig): readonly Probe[] {
  return [
    nodesProbe(role, config),
    ...(config.topology === "sentinel" ? [sentinelsProbe(role, config)] : []),
    ...(config.topology === "cluster" ? [clusterProbe(role, config)] : []),
    contractProbe(role, config),
  ];
}
