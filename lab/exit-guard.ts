/** What has to happen before this process may end. */
export interface Guarded {
  /** The orderly way, for a signal. */
  close(): Promise<void>;
  /** The synchronous last resort, for a process that is already exiting. */
  destroy(): void;
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const guarded = new Set<Guarded>();
let interrupted = false;

/**
 * Closes `item` when this process is interrupted and destroys it when the process exits for any other reason, an
 * uncaught error included. Process-wide listeners exist only while something is guarded.
 *
 * @returns a function that ends the guarding.
 */
export function guardExit(item: Guarded): () => void {
  if (guarded.size === 0) listen();
  guarded.add(item);
  return () => {
    if (guarded.delete(item) && guarded.size === 0) unlisten();
  };
}

function listen(): void {
  process.on("exit", destroyAll);
  // While a signal is being handled its listeners are there already, see unlisten.
  if (!interrupted) for (const name of signals) process.on(name, onSignal);
}

function unlisten(): void {
  process.off("exit", destroyAll);
  // While a signal is being handled its listeners stay, so that a second one cannot end the process half-way.
  if (!interrupted) for (const name of signals) process.off(name, onSignal);
}

/** One item that fails must not keep the others from being destroyed. */
function destroyAll(): void {
  for (const item of [...guarded].reverse()) {
    try {
      item.destroy();
    } catch (error) {
      process.stderr.write(`cleaning up: ${error instanceof Error ? error.message : String(error)}\n`);
    }
  }
  guarded.clear();
}

/** The first signal closes in order; a second one, from someone who will not wait, kills. */
function onSignal(name: NodeJS.Signals): void {
  if (interrupted) {
    destroyAll();
    endBy(name);
    return;
  }
  interrupted = true;
  void closeAll().finally(() => endBy(name));
}

async function closeAll(): Promise<void> {
  const results = await Promise.allSettled([...guarded].reverse().map((item) => item.close()));
  for (const result of results) {
    if (result.status === "rejected") process.stderr.write(`cleaning up: ${String(result.reason)}\n`);
  }
}

/** Lets the signal do what it would have done without the guard, unless the program handles it itself. */
function endBy(name: NodeJS.Signals): void {
  interrupted = false;
  for (const each of signals) process.off(each, onSignal);
  if (process.listenerCount(name) === 0) process.kill(process.pid, name);
  else if (guarded.size > 0) for (const each of signals) process.on(each, onSignal);
}
