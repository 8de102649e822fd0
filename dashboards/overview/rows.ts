import type { ThresholdOverrides } from "../../core/config/thresholds-section.ts";
import type { RowSpec } from "../panel.ts";
import { applicationsRow } from "./applications.ts";
import { dedupRow } from "./dedup.ts";
import { modesRow } from "./modes.ts";
import { postgresRow } from "./postgres.ts";
import { registryRow } from "./registry.ts";
import { rolesRow } from "./roles.ts";
import { selfRow } from "./self.ts";
import { tokenBucketsRow } from "./token-buckets.ts";

/** The overview: which modes hold, which roles answer, then role by role in the order in which data flows. */
export function overviewRows(thresholds: ThresholdOverrides): RowSpec[] {
  return [
    modesRow(),
    rolesRow(thresholds),
    applicationsRow(),
    registryRow(thresholds),
    dedupRow(thresholds),
    tokenBucketsRow(thresholds),
    postgresRow(thresholds),
    selfRow(),
  ];
}
