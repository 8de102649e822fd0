import { boards } from "../../catalog/boards.ts";
import type { ThresholdOverrides } from "../../core/config/thresholds-section.ts";
import { probePanels } from "../exporter/panels.ts";
import { chosen } from "../narrow.ts";
import type { BoardSpec, TextPanel } from "../panel.ts";
import { preferenceExposures } from "../preferences/reads.ts";
import { notificationsHeld } from "../providers/applications.ts";
import { drillsRunning, recoveriesRunning } from "../recoveries/panels.ts";
import { deliveryDelay } from "../registry/delivery.ts";
import { breakersOpen, decisions, decisionsDegraded, storeFailures } from "../shared/applications.ts";
import { availabilityPanels } from "../shared/availability.ts";
import { budgetPanels } from "../shared/budgets.ts";
import { allModesPanel } from "../shared/modes.ts";
import { topologyPanels } from "../shared/topology.ts";
import { chainLoad, dependencyChain } from "./chain.ts";

/** Links to the other boards that keep the time range and the variables. */
const boardLinks = Object.entries(boards)
  .filter(([uid]) => uid !== "redisops-overview")
  .map(([uid, title]) => `- [${title}](/d/${uid}?\${__url_time_range}&\${__all_variables})`)
  .join("\n");

const purpose: TextPanel = {
  id: "purpose",
  kind: "text",
  title: "How to read this board",
  meaning: "What this board is for, where to look first, and the other boards with the same time range.",
  width: 6,
  height: 22,
  content: `1. **Degradation modes** at the right: what is wrong now, and since when. Click a red stretch for its runbook page.
2. **What users feel** below: by how much, and how fast the error budget goes.
3. **What leans on what**: where the trouble goes next.
4. **What is being done**: recoveries and drills under way.
5. Then the role’s own board. Dashed lines are the alerts’ limits.

Each panel’s *i* says what it means and what is normal; its link leads to the runbook. From a terminal: \`redisops status\`.

**Boards**

${boardLinks}`,
};

/** The first look: what is wrong, who feels it, where it goes, and what is being done. */
export function overviewBoard(thresholds: ThresholdOverrides): BoardSpec {
  const wide =
    (width: number, height = 8) =>
    <Panel extends object>(panel: Panel) => ({ ...panel, width, height });
  return {
    uid: "redisops-overview",
    description:
      "Every degradation mode of a platform that depends on Redis: which ones hold now, what users feel of them, what gives way next, and what is being done about it.",
    rows: [
      { id: "overview:modes", panels: [purpose, allModesPanel()] },
      {
        id: "overview:felt",
        title: "What users feel",
        panels: [
          ...[decisionsDegraded, deliveryDelay].map(wide(12)),
          ...[notificationsHeld, preferenceExposures].map(wide(12)),
          ...budgetPanels(
            thresholds,
            "DegradedDecisionsBudgetBurn",
            "DeliveryDelayBudgetBurn",
            "NotificationsShedBudgetBurn",
          ),
        ],
      },
      {
        id: "overview:chain",
        title: "Where it goes: Redis, Postgres, providers",
        panels: [dependencyChain, chainLoad],
      },
      {
        id: "overview:doing",
        title: "What is being done, and whether this board can see",
        panels: [
          ...[recoveriesRunning, drillsRunning].map(wide(9, 8)),
          ...chosen(probePanels, "exporter-up").map(wide(6)),
        ],
      },
      { id: "overview:up", title: "Is it up?", panels: availabilityPanels(thresholds) },
      {
        id: "overview:stores",
        title: "What the applications get from the stores",
        panels: [storeFailures, breakersOpen],
      },
      {
        id: "overview:scope",
        title: "How much of each role is concerned",
        panels: [...chosen(topologyPanels.shards, "key-space-available").map(wide(12)), wide(12)(decisions)],
      },
    ],
  };
}
