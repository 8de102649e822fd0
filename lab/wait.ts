import { setTimeout as delay } from "node:timers/promises";

/** How long and how often {@link waitUntil} asks. */
export interface WaitOptions {
  /** What is waited for, as it reads in the error after "waiting for". */
  readonly what: string;
  /** Milliseconds until giving up. */
  readonly deadlineMs: number;
  /** Milliseconds between two questions; 25 unless given. */
  readonly intervalMs?: number;
  /** Ends the wait early with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A condition did not become true within its deadline. The cause is the last error the condition threw, if any. */
class DeadlineError extends Error {
  override readonly name = "DeadlineError";
}

/**
 * Asks `condition` again and again until it answers with something other than `false`, `null` or `undefined`, and
 * returns that answer. A condition that throws counts as "not yet".
 *
 * @throws DeadlineError when the deadline passes; the signal's reason when it aborts.
 */
export async function waitUntil<T>(
  condition: () => Promise<T | false | null | undefined> | T | false | null | undefined,
  options: WaitOptions,
): Promise<T> {
  const end = performance.now() + options.deadlineMs;
  let lastError: unknown;
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      const answer = await condition();
      if (answer !== false && answer !== null && answer !== undefined) return answer;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    options.signal?.throwIfAborted();
    if (performance.now() >= end) {
      const why = lastError instanceof Error ? `: ${lastError.message}` : "";
      const seconds = options.deadlineMs / 1000;
      throw new DeadlineError(`gave up after ${seconds} s waiting for ${options.what}${why}`, {
        cause: lastError,
      });
    }
    await delay(options.intervalMs ?? 25);
  }
}
