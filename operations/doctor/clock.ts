import { type Check, checked } from "./check.ts";

/** A clock that was asked for its time; all in milliseconds since 1970. */
export interface ReadClock {
  /** Whose it is. */
  readonly of: string;
  /** Undefined where it does not tell. */
  readonly theirs: number | undefined;
  readonly asked: number;
  readonly answered: number;
  /** How finely it tells the time; exactly unless given. */
  readonly grain?: number;
}

/**
 * Differences in milliseconds beyond which a clock is off. A router trusts an entry of the registry 5 s after it was
 * written, of which a statement of Postgres may take 2 s, so 3 s are left to the clocks (docs/registry-layout.md).
 */
const limits = { warning: 1_000, failed: 3_000 } as const;

/** How far a clock is certainly off from this machine's: what the way there and back may have taken is no difference. */
function offBy({ theirs, asked, answered, grain = 0 }: ReadClock): number {
  if (theirs === undefined) return 0;
  return Math.max(0, asked - (theirs + grain), theirs - answered);
}

/** Whether clocks agree with this machine's. */
export function clockCheck(id: string, clocks: readonly ReadClock[]): Check {
  const told = clocks.filter(({ theirs }) => theirs !== undefined);
  const [worst] = told.toSorted((a, b) => offBy(b) - offBy(a));
  if (worst === undefined) return checked(id, "skipped", "the time is not told");
  const milliseconds = offBy(worst);
  const found = `${worst.of} is ${(milliseconds / 1000).toFixed(1)} s off from this machine`;
  if (milliseconds <= limits.warning) return checked(id, "ok", "agrees with this machine's to the second");
  return checked(
    id,
    milliseconds > limits.failed ? "failed" : "warning",
    found,
    "timedatectl status   # on both machines: one of them is not synchronised",
  );
}
