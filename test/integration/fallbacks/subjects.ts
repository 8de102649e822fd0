import type { Subject } from "./subject.ts";
import { dedupSubject } from "./subjects/dedup.ts";
import { preferencesSubject } from "./subjects/preferences.ts";
import { rateLimitSubject } from "./subjects/rate-limit.ts";
import { registrySubject } from "./subjects/registry.ts";
import { sequenceSubject } from "./subjects/sequence.ts";
import { tokenBucketSubject } from "./subjects/token-bucket.ts";

/** All roles under the conformance suite: add a role's subject here. */
export const subjects: readonly Subject[] = [
  dedupSubject,
  preferencesSubject,
  rateLimitSubject,
  sequenceSubject,
  registrySubject,
  tokenBucketSubject,
];
