import type { AlertWatch } from "./alert-watch.ts";

/**
 * Asks `condition` after each look at the alerts until it holds. Answers whether it did before the deadline, in
 * milliseconds. Rejects with the signal's reason when that is aborted.
 */
export async function untilSeen(
  watch: AlertWatch,
  condition: () => boolean | Promise<boolean>,
  deadline: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const end = performance.now() + deadline;
  const aborted = Promise.withResolvers<void>();
  const onAbort = () => aborted.resolve();
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    for (;;) {
      signal?.throwIfAborted();
      if (await condition()) return true;
      if (performance.now() >= end) return false;
      await Promise.race([watch.next(), aborted.promise]);
    }
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}
