import type { ThresholdOverrides } from "../../core/config/thresholds-section.ts";
import { chosen } from "../narrow.ts";
import type { BoardSpec } from "../panel.ts";
import { accountsBlocked } from "../providers/applications.ts";
import { providerPanels } from "../providers/panels.ts";
import { roleBoard } from "../shared/role-board.ts";
import { tokenBucketPanels } from "./panels.ts";

/** How much may be sent through each account: without it the providers say so themselves, with 429s. */
export function tokenBucketsBoard(thresholds: ThresholdOverrides): BoardSpec {
  return roleBoard(
    {
      uid: "redisops-token-buckets",
      role: "token_bucket",
      description:
        "The buckets that keep each provider’s account under its limit: what is left in them, whether the limit is the provider’s, and what the breakers do while the buckets are away.",
      felt: [accountsBlocked],
      rows: [
        { id: "token_bucket:buckets", title: "What is left of the limits", panels: tokenBucketPanels },
        {
          id: "token_bucket:providers",
          title: "What the providers say",
          panels: chosen(providerPanels(thresholds), "provider-throttled", "provider-responses"),
        },
      ],
    },
    thresholds,
  );
}
