import { setTimeout as delay } from "node:timers/promises";
import { RedisopsError } from "../../core/errors.ts";
import type { RedisConnection } from "../../core/redis/connect.ts";
import { type Account, grantTokens } from "../../core/token-bucket/buckets.ts";
import type { Progress, Run } from "../recovery.ts";
import { nameOf, readBuckets, type TokenBucketConfig } from "./accounts.ts";

/** Milliseconds between two grants at least, and how many grants there are at most. */
const grants = { interval: 250, count: 2_000 };
/** Milliseconds between two times that the progress is written down, and between two looks at whether to stop. */
const intervals = { checkpoint: 1_000, stop: 200 };
/** Longest ramp: an account that is careful for longer has a limit that is set wrong. */
const longestRamp = 24 * 3_600_000;

/** What a run has written down of its ramp. */
interface RampPosition {
  /** Grants that were made. */
  readonly made: number;
  /** Tokens that each account lacked when the ramp began. */
  readonly lacking: Readonly<Record<string, number>>;
}

/** What a ramp works with. */
export interface Ramp {
  readonly connection: RedisConnection;
  readonly role: TokenBucketConfig;
  readonly accounts: readonly Account[];
  /** Milliseconds that it takes. */
  readonly duration: number;
  readonly signal: AbortSignal;
  onProgress(progress: Progress): void;
}

/** Throws USAGE for a duration that is no ramp. */
export function checkRamp(duration: number): void {
  if (duration > 0 && duration <= longestRamp) return;
  throw new RedisopsError("USAGE", "--ramp must be a duration above 0 and of 24h at most");
}

/**
 * Grants what buckets lack in equal parts over a time, on top of what they gain by themselves. So an account gets its rate
 * and a small share more in any moment, instead of a whole burst at once on top of what its provider has counted. A bucket
 * is never lowered: where the ramp ends early, the workers have what was granted by then and the usual refill.
 */
export async function rampUp(ramp: Ramp, run: Run): Promise<void> {
  const { connection, role, accounts, duration, signal } = ramp;
  const count = Math.min(grants.count, Math.max(1, Math.ceil(duration / grants.interval)));
  const saved = run.checkpoint<RampPosition>("ramp");
  const lacking = saved?.lacking ?? (await lackingOf(ramp));
  const first = saved?.made ?? 0;
  const began = performance.now();
  let savedAt = began;
  for (let made = first; made < count; made++) {
    await waitUntil(began + ((made - first) * duration) / count, signal);
    await run.pace(accounts.length);
    for (const account of accounts) {
      await grantTokens(connection, role.key, account, (lacking[nameOf(account)] ?? 0) / count);
    }
    ramp.onProgress({ phase: "ramp", done: made + 1, total: count, unit: "grants" });
    if (performance.now() - savedAt < intervals.checkpoint) continue;
    await run.saveCheckpoint("ramp", { made: made + 1, lacking } satisfies RampPosition);
    savedAt = performance.now();
  }
}

async function lackingOf({ connection, role, accounts }: Ramp): Promise<Record<string, number>> {
  const buckets = await readBuckets(connection, role, accounts);
  return Object.fromEntries(
    buckets.map(({ account, state }) => [
      nameOf(account),
      state.exists ? account.capacity - Math.max(0, state.tokens) : 0,
    ]),
  );
}

async function waitUntil(moment: number, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const left = moment - performance.now();
    if (left <= 0) return;
    await delay(Math.min(left, intervals.stop));
  }
}
