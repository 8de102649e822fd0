import { RedisopsError } from "../core/errors.ts";

/**
 * A signal that is aborted by Ctrl-C or SIGTERM, with INTERRUPTED as its reason; `onInterrupt` is told first. A second
 * Ctrl-C ends the process at once. Call `release` when the work is done.
 */
export function interruptible(onInterrupt: (name: NodeJS.Signals) => void): {
  readonly signal: AbortSignal;
  release(): void;
} {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(130);
    onInterrupt(name);
    controller.abort(new RedisopsError("INTERRUPTED", `Interrupted by ${name} before the next step`));
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return {
    signal: controller.signal,
    release: () => {
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
    },
  };
}
