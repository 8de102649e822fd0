import type { ThresholdOverrides } from "../../core/config/thresholds-section.ts";
import { chosen } from "../narrow.ts";
import type { BoardSpec } from "../panel.ts";
import { pendingPanels } from "../postgres/pending.ts";
import { budgetPanels } from "../shared/budgets.ts";
import { roleBoard } from "../shared/role-board.ts";
import { deliveryDelay } from "./delivery.ts";
import { connectionEvents, messagesHeld, pendingDrained } from "./messages.ts";
import { registryPanels } from "./panels.ts";

/** Who is connected where: without it messages wait. */
export function registryBoard(thresholds: ThresholdOverrides): BoardSpec {
  const pending = pendingPanels(thresholds);
  return roleBoard(
    {
      uid: "redisops-registry",
      role: "registry",
      description:
        "The connection registry, which says at which server a user is connected: whether lookups work, whether it knows everybody who is connected, and what waits in pending_deliveries because it does not.",
      felt: [deliveryDelay],
      rows: [
        {
          id: "registry:messages",
          title: "Messages on their way",
          panels: [messagesHeld, pendingDrained, ...budgetPanels(thresholds, "DeliveryDelayBudgetBurn")],
        },
        {
          id: "registry:entries",
          title: "Does it know who is connected?",
          panels: registryPanels,
        },
        {
          id: "registry:pending",
          title: "What waits, and what it is rebuilt from",
          panels: [...chosen(pending, "pending-deliverable", "pending-oldest"), connectionEvents],
        },
      ],
    },
    thresholds,
  );
}
