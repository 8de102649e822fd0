import type { Recovery } from "../recovery.ts";
import { executeBloom, workBloom } from "./bloom-execute.ts";
import { type BloomDetails, planBloom } from "./bloom-plan.ts";
import { verifyBloom } from "./bloom-verify.ts";
import { bloomPins } from "./build.ts";
import { afterSwap } from "./shadow-filter.ts";

/** Rebuilds the deduplication filter from the durable record of what was sent. */
export const bloom: Recovery<BloomDetails, "bloom"> = {
  name: "bloom",
  role: "dedup",
  // Kafka alone may be the source.
  needsPostgres: false,
  plan: planBloom,
  pins: bloomPins,
  execute: executeBloom,
  work: workBloom,
  verify: (context, plan) =>
    verifyBloom(context, plan).catch((error: unknown) => {
      throw afterSwap(error);
    }),
};
