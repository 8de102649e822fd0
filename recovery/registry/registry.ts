import type { Recovery } from "../recovery.ts";
import type { RegistryDetails } from "./registry-details.ts";
import { executeRegistry, workOnRegistry } from "./registry-execute.ts";
import { pinRegistry, planRegistry } from "./registry-plan.ts";
import { verifyRegistry } from "./registry-verify.ts";

/** Fills the registry from the connection events, or from a table of connections. */
export const registry: Recovery<RegistryDetails, "registry"> = {
  name: "registry",
  role: "registry",
  // The topic is enough. Only the table needs it.
  needsPostgres: false,
  plan: planRegistry,
  pins: pinRegistry,
  execute: executeRegistry,
  work: workOnRegistry,
  verify: verifyRegistry,
};
