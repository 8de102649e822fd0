import { RedisopsError } from "../../core/errors.ts";
import type { Recovery } from "../recovery.ts";

const missing = async () => {
  throw new RedisopsError("INTERNAL", "not there yet");
};

export const sequence: Recovery<unknown, "sequence"> = {
  name: "sequence",
  role: "sequence",
  needsPostgres: true,
  plan: missing,
  pins: missing,
  execute: missing,
  verify: missing,
};
