import type { ThresholdOverrides } from "../../core/config/thresholds-section.ts";
import type { BoardSpec } from "../panel.ts";
import { roleBoard } from "../shared/role-board.ts";
import { messagesRefused, rateLimitPanels } from "./panels.ts";

/** Who sends too much: without it nobody does. */
export function rateLimitBoard(thresholds: ThresholdOverrides): BoardSpec {
  return roleBoard(
    {
      uid: "redisops-rate-limit",
      role: "rate_limit",
      description:
        "The counters of the rate limit: whether messages are counted, whom they refuse, and whether a counter that never expires locks somebody out for good.",
      felt: [messagesRefused],
      rows: [
        { id: "rate_limit:counters", title: "Do the counters count, and end?", panels: rateLimitPanels },
      ],
    },
    thresholds,
  );
}
