import type { ThresholdOverrides } from "../../core/config/thresholds-section.ts";
import { chosen } from "../narrow.ts";
import type { BoardSpec } from "../panel.ts";
import { postgresPanels } from "../postgres/panels.ts";
import { roleBoard } from "../shared/role-board.ts";
import { cacheLossPanels, cachePanels } from "./panels.ts";
import { preferenceExposures, preferenceReads } from "./reads.ts";

/** Who wants to be notified: without it Postgres is asked, and beyond that it is guessed. */
export function preferencesBoard(thresholds: ThresholdOverrides): BoardSpec {
  return roleBoard(
    {
      uid: "redisops-preferences",
      role: "preferences",
      description:
        "The cache of people’s preferences: what answers reads, who is notified on an assumption, whether the cache may be believed, and whether Postgres would survive its loss.",
      felt: [preferenceExposures],
      rows: [
        {
          id: "preferences:reads",
          title: "Reads, and what answers them",
          panels: [preferenceReads, ...cachePanels.filter(({ id }) => id === "preference-hit-ratio")],
        },
        {
          id: "preferences:belief",
          title: "May the cache be believed?",
          panels: [
            ...cachePanels.filter(({ id }) => id === "preference-entries"),
            ...chosen(postgresPanels(thresholds).connections, "postgres-used"),
          ],
        },
        {
          id: "preferences:loss",
          title: "What its loss would mean for Postgres",
          panels: cacheLossPanels,
        },
      ],
    },
    thresholds,
  );
}
