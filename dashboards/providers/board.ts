import type { ThresholdOverrides } from "../../core/config/thresholds-section.ts";
import { chosen } from "../narrow.ts";
import type { BoardSpec } from "../panel.ts";
import { budgetPanels } from "../shared/budgets.ts";
import { decisionsByFallbackPanel } from "../shared/fallback.ts";
import { tokenBucketPanels } from "../token-buckets/panels.ts";
import { accountsBlocked, notificationsHeld } from "./applications.ts";
import { providerPanels } from "./panels.ts";

/** Where notifications leave the platform. */
export function providersBoard(thresholds: ThresholdOverrides): BoardSpec {
  const panels = providerPanels(thresholds);
  const buckets = decisionsByFallbackPanel("token_bucket");
  return {
    uid: "redisops-providers",
    description:
      "Twilio, SendGrid and other providers, account by account: how they answer, how much of each limit is left, which accounts workers keep away from, and what is given up because none has room.",
    rows: [
      {
        id: "providers:felt",
        panels: [
          { ...notificationsHeld, width: 8 },
          ...budgetPanels(thresholds, "NotificationsShedBudgetBurn"),
          { ...accountsBlocked, width: 8 },
        ],
      },
      {
        id: "providers:answers",
        title: "How they answer",
        panels: chosen(
          panels,
          "provider-answers",
          "provider-throttled",
          "provider-responses",
          "provider-response-time",
        ),
      },
      {
        id: "providers:limits",
        title: "Limits",
        panels: [
          ...chosen(panels, "provider-requests", "provider-limit-remaining", "provider-retry-after"),
          ...tokenBucketPanels,
        ],
      },
      {
        id: "providers:without",
        title: "What keeps the limits without Redis",
        panels: [{ ...buckets, width: 24 }],
      },
    ],
  };
}
