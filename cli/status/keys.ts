/** What ends a live view. */
export interface Keys {
  /** Aborted when the view is to end. */
  readonly signal: AbortSignal;
  /** Resolves then. */
  readonly ended: Promise<undefined>;
  /** Whether by Ctrl-C or a signal, and not by q or because nobody reads any more. */
  readonly interrupted: boolean;
  release(): void;
}

const ctrlC = "\u0003";

/** Listens to q, Ctrl-C, SIGINT, SIGTERM and the reader's end (`head`) until it is released. The terminal gives single keys meanwhile. */
export function watchKeys(): Keys {
  const controller = new AbortController();
  let interrupted = false;
  const end = (byInterrupt: boolean) => {
    interrupted ||= byInterrupt;
    controller.abort();
  };
  const onSignal = () => end(true);
  const onKey = (bytes: Buffer) => {
    for (const key of bytes.toString("latin1")) {
      if (key === ctrlC) end(true);
      else if (key === "q" || key === "Q") end(false);
    }
  };
  const onGone = () => end(false);
  const { stdin, stdout } = process;
  stdout.on("error", onGone);
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  // What somebody else's program reads from a pipe is not ours to take.
  if (stdin.isTTY) {
    stdin.setRawMode(true);
    stdin.on("data", onKey);
    stdin.resume();
  }
  return {
    signal: controller.signal,
    ended: new Promise((resolve) => {
      controller.signal.addEventListener("abort", () => resolve(undefined), { once: true });
    }),
    get interrupted() {
      return interrupted;
    },
    release: () => {
      stdout.off("error", onGone);
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
      if (!stdin.isTTY) return;
      stdin.off("data", onKey);
      stdin.setRawMode(false);
      stdin.pause();
    },
  };
}
