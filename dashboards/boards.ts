import type { ThresholdOverrides } from "../core/config/thresholds-section.ts";
import { dedupBoard } from "./dedup/board.ts";
import { exporterBoard } from "./exporter/board.ts";
import { withJudgedPanels } from "./judged-panels.ts";
import { overviewBoard } from "./overview/board.ts";
import type { BoardSpec } from "./panel.ts";
import { postgresBoard } from "./postgres/board.ts";
import { preferencesBoard } from "./preferences/board.ts";
import { providersBoard } from "./providers/board.ts";
import { rateLimitBoard } from "./rate-limit/board.ts";
import { recoveriesBoard } from "./recoveries/board.ts";
import { registryBoard } from "./registry/board.ts";
import { sequenceBoard } from "./sequence/board.ts";
import { tokenBucketsBoard } from "./token-buckets/board.ts";
import { topologyBoard } from "./topology/board.ts";

/** Every board in the order of catalog/boards.ts, with the limits of all alerts drawn. */
export function boardSpecs(thresholds: ThresholdOverrides): BoardSpec[] {
  const own = [
    overviewBoard(thresholds),
    registryBoard(thresholds),
    rateLimitBoard(thresholds),
    sequenceBoard(thresholds),
    preferencesBoard(thresholds),
    dedupBoard(thresholds),
    tokenBucketsBoard(thresholds),
    topologyBoard(),
    postgresBoard(thresholds),
    providersBoard(thresholds),
    recoveriesBoard(),
    exporterBoard(),
  ];
  return withJudgedPanels(own, thresholds);
}
