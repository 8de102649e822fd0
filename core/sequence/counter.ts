import { keysOf } from "../redis/key-pattern.ts";

/** The default of `roles.sequence.key`. */
export const defaultSequenceKey = "seq:{conversation_id}";

/** Makes the keys of conversations' counters from the role's key pattern. */
export const sequenceKeys = (pattern: string): ((conversationId: string) => string) =>
  keysOf(pattern, "{conversation_id}");

/** Reads a counter as GET gives it: 0 where there is none, undefined for what is no counter. */
export function parseCounter(text: string | null): number | undefined {
  if (text === null) return 0;
  return /^-?\d{1,19}$/.test(text) ? Number(text) : undefined;
}
