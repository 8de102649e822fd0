import type { ThresholdOverrides } from "../../core/config/thresholds-section.ts";
import type { BoardSpec } from "../panel.ts";
import { cacheLossPanels } from "../preferences/panels.ts";
import { preferenceReads } from "../preferences/reads.ts";
import { messagesHeld, pendingDrained } from "../registry/messages.ts";
import { modesOfOtherPanel } from "../shared/modes.ts";
import { ifPostgresDies } from "./if-it-dies.ts";
import { postgresPanels } from "./panels.ts";
import { pendingPanels } from "./pending.ts";
import { postgresUp } from "./up.ts";

const wide = 12;

/** The store in which every fallback from Redis ends. */
export function postgresBoard(thresholds: ThresholdOverrides): BoardSpec {
  const { connections, waits, pools } = postgresPanels(thresholds);
  return {
    uid: "redisops-postgres",
    description:
      "Postgres, in which the fallbacks of every Redis role end, and the messages that wait in it: whether there are connections left, what keeps them, and whether what waits should.",
    rows: [
      { id: "postgres:now", panels: [modesOfOtherPanel("postgres"), postgresUp, ifPostgresDies] },
      { id: "postgres:connections", title: "Connections", panels: connections },
      { id: "postgres:pools", title: "Pools before Postgres", panels: pools },
      { id: "postgres:waits", title: "What keeps connections", panels: waits },
      {
        id: "postgres:pending",
        title: "Pending deliveries",
        panels: [
          ...pendingPanels(thresholds),
          ...[messagesHeld, pendingDrained].map((panel) => ({ ...panel, width: wide })),
        ],
      },
      {
        id: "postgres:reads",
        title: "Reads that come here without the preferences cache",
        panels: [{ ...preferenceReads, width: 24 }, ...cacheLossPanels],
      },
    ],
  };
}
