import type { RecoveryName } from "../catalog/recoveries.ts";
import { bloom } from "./bloom/bloom.ts";
import { pending } from "./pending/pending.ts";
import { preferences } from "./preferences/preferences.ts";
import type { Recovery } from "./recovery.ts";
import { registry } from "./registry/registry.ts";
import { sequence } from "./sequence/sequence.ts";
import { tokenBuckets } from "./token-buckets/token-buckets.ts";

/** Every recovery by the name under which the CLI knows it. */
export const recoveries: Readonly<Record<RecoveryName, Recovery>> = {
  sequence: sequence as Recovery,
  registry: registry as Recovery,
  pending: pending as Recovery,
  bloom: bloom as Recovery,
  "token-buckets": tokenBuckets as Recovery,
  preferences: preferences as Recovery,
};
