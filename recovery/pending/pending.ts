import { RedisopsError } from "../../core/errors.ts";
import type { Recovery } from "../recovery.ts";

const missing = async () => {
  throw new RedisopsError("INTERNAL", "not there yet");
};

export const pending: Recovery<unknown, "pending"> = {
  name: "pending",
  role: "registry",
  needsPostgres: true,
  plan: missing,
  pins: missing,
  execute: missing,
  verify: missing,
};
