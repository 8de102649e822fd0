import type { Recovery } from "../recovery.ts";
import { executeBloom } from "./bloom-execute.ts";
import { type BloomDetails, planBloom } from "./bloom-plan.ts";
import { verifyBloom } from "./bloom-verify.ts";
import { afterSwap } from "./shadow-filter.ts";

/** Rebuilds the deduplication filter from the durable record of what was sent. */
export const bloom: Recovery<BloomDetails, "bloom"> = {
  name: "bloom",
  role: "dedup",
  needsPostgres: true,
  plan: planBloom,
  pins: async () => [],
  execute: executeBloom,
  verify: (context, plan) =>
    verifyBloom(context, plan).catch((error: unknown) => {
      throw afterSwap(error);
    }),
};
