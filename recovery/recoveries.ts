import type { RecoveryName } from "../catalog/recoveries.ts";
import type { Recovery } from "./recovery.ts";

const loaders: Readonly<Record<RecoveryName, () => Promise<unknown>>> = {
  sequence: async () => (await import("./sequence/sequence.ts")).sequence,
  registry: async () => (await import("./registry/registry.ts")).registry,
  pending: async () => (await import("./pending/pending.ts")).pending,
  bloom: async () => (await import("./bloom/bloom.ts")).bloom,
  "token-buckets": async () => (await import("./token-buckets/token-buckets.ts")).tokenBuckets,
  preferences: async () => (await import("./preferences/preferences.ts")).preferences,
};

/** The recovery of a name under which the CLI knows it; nothing of the others is loaded. */
export async function loadRecovery(name: RecoveryName): Promise<Recovery> {
  return (await loaders[name]()) as Recovery;
}
