import { RedisopsError } from "../core/errors.ts";
import { note } from "./output.ts";

/**
 * A signal that is aborted by Ctrl-C or SIGTERM, with INTERRUPTED as its reason. A second Ctrl-C ends the process at
 * once. Call `release` when the work is done.
 */
export function interruptible(): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(130);
    note("Stopping at the next safe point; press Ctrl-C again to end at once.");
    controller.abort(
      new RedisopsError("INTERRUPTED", `Interrupted by ${name}; what was live before is still live`),
    );
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
