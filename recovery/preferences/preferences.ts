import { RedisopsError } from "../../core/errors.ts";
import type { Recovery } from "../recovery.ts";

const missing = async () => {
  throw new RedisopsError("INTERNAL", "not there yet");
};

export const preferences: Recovery<unknown, "preferences"> = {
  name: "preferences",
  role: "preferences",
  needsPostgres: true,
  plan: missing,
  pins: missing,
  execute: missing,
  verify: missing,
};
