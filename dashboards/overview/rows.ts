import type { ThresholdOverrides } from "../../core/config/thresholds-section.ts";
import type { RowSpec } from "../panel.ts";
import { applicationsRow } from "./applications.ts";
import { contractRow } from "./contract.ts";
import { dedupRow } from "./dedup.ts";
import { modesRow } from "./modes.ts";
import { nodesRow } from "./nodes.ts";
import { postgresRow } from "./postgres.ts";
import { preferencesRow } from "./preferences.ts";
import { providersRow } from "./providers.ts";
import { rateLimitRow } from "./rate-limit.ts";
import { registryRow } from "./registry.ts";
import { rolesRow } from "./roles.ts";
import { selfRow } from "./self.ts";
import { sequenceRow } from "./sequence.ts";
import { tokenBucketsRow } from "./token-buckets.ts";
import { topologyRow } from "./topology.ts";

/** The overview: which modes hold, which roles answer, then role by role in the order in which data flows. */
export function overviewRows(thresholds: ThresholdOverrides): RowSpec[] {
  return [
    modesRow(),
    rolesRow(thresholds),
    topologyRow(),
    contractRow(),
    applicationsRow(),
    registryRow(thresholds),
    rateLimitRow(),
    sequenceRow(),
    preferencesRow(),
    dedupRow(thresholds),
    tokenBucketsRow(),
    providersRow(thresholds),
    postgresRow(thresholds),
    nodesRow(),
    selfRow(),
  ];
}
