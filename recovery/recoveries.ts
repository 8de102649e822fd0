import type { RecoveryName } from "../catalog/recoveries.ts";
import { bloom } from "./bloom/bloom.ts";
import type { Recovery } from "./recovery.ts";
import { tokenBuckets } from "./token-buckets.ts";

/** Every recovery by the name under which the CLI knows it. */
export const recoveries: Readonly<Record<RecoveryName, Recovery>> = {
  bloom: bloom as Recovery,
  "token-buckets": tokenBuckets as Recovery,
};
