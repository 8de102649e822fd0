import { chosen } from "../narrow.ts";
import type { BoardSpec } from "../panel.ts";
import { topologyPanels } from "../shared/topology.ts";
import {
  drillsRunning,
  recoveriesRunning,
  recoveryDuration,
  recoveryLast,
  recoveryOutcome,
  recoveryPaused,
  recoveryProgress,
} from "./panels.ts";

/** What is being done about it, and what was rehearsed. */
export function recoveriesBoard(): BoardSpec {
  return {
    uid: "redisops-recoveries",
    description:
      "Recoveries that redisops carries out: which run, how far they are, how the latest ended and how long it took; drills, and the failovers beside them.",
    rows: [
      { id: "recoveries:now", panels: [recoveriesRunning, recoveryProgress, recoveryPaused] },
      {
        id: "recoveries:latest",
        title: "How the latest runs ended",
        panels: [recoveryOutcome, recoveryDuration, recoveryLast],
      },
      { id: "recoveries:drills", title: "Rehearsals", panels: [drillsRunning] },
      {
        id: "recoveries:failovers",
        title: "What recovered by itself",
        panels: [
          ...chosen(topologyPanels.cluster, "failovers").map((panel) => ({ ...panel, width: 12 })),
          ...chosen(topologyPanels.shards, "shard-up").map((panel) => ({ ...panel, width: 12 })),
        ],
      },
    ],
  };
}
