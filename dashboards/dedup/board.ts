import type { ThresholdOverrides } from "../../core/config/thresholds-section.ts";
import { chosen, narrowed } from "../narrow.ts";
import type { BoardSpec } from "../panel.ts";
import { roleBoard } from "../shared/role-board.ts";
import { topologyPanels } from "../shared/topology.ts";
import {
  duplicatesSuppressed,
  filterJudgedPanels,
  filterReadable,
  filterReplicaPanels,
  filterShapePanels,
} from "./panels.ts";

/** What was sent already: without it things are sent twice. */
export function dedupBoard(thresholds: ThresholdOverrides): BoardSpec {
  return roleBoard(
    {
      uid: "redisops-dedup",
      role: "dedup",
      description:
        "The filter that knows which notifications were sent: whether it can be used, whether it has forgotten any, whether it drops new ones, and what a failover to its replica would find.",
      felt: [duplicatesSuppressed],
      rows: [
        {
          id: "dedup:filter",
          title: "Does the filter know what was sent, and only that?",
          panels: [filterReadable, ...filterJudgedPanels(thresholds)],
        },
        { id: "dedup:shape", title: "Is it large enough?", panels: filterShapePanels },
        {
          id: "dedup:replicas",
          title: "What a failover would find",
          panels: [
            ...filterReplicaPanels,
            ...chosen(topologyPanels.sentinels, "failover-possible", "sentinel-counts").map((panel) => ({
              ...narrowed(panel, "dedup"),
              width: 12,
            })),
          ],
        },
      ],
    },
    thresholds,
  );
}
