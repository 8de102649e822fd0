import type { ThresholdOverrides } from "../../core/config/thresholds-section.ts";
import { chosen, narrowed } from "../narrow.ts";
import type { BoardSpec } from "../panel.ts";
import { nodePanels } from "../shared/nodes.ts";
import { roleBoard } from "../shared/role-board.ts";
import { countersHealed, sequencePanels } from "./panels.ts";

/** In which order messages stand: without it the clock says. */
export function sequenceBoard(thresholds: ThresholdOverrides): BoardSpec {
  return roleBoard(
    {
      uid: "redisops-sequence",
      role: "sequence",
      description:
        "The counters that number the messages of a conversation: whether ids come from them or from the clock, and whether any counter has fallen below what is in use, so that ids repeat.",
      felt: [countersHealed],
      rows: [
        { id: "sequence:counters", title: "Do the counters only rise?", panels: sequencePanels },
        {
          id: "sequence:durability",
          title: "What a crash or a failover would take",
          panels: [
            ...chosen(nodePanels.kept, "node-persistence", "node-uptime"),
            ...chosen(nodePanels.replication, "node-replication-bytes"),
          ].map((panel) => narrowed(panel, "sequence")),
        },
      ],
    },
    thresholds,
  );
}
