import { Worker } from "node:worker_threads";
import type { Comparison } from "./bcrypt-thread.ts";

/** Comparisons that wait at most; more are a flood of guesses and are not made. */
const maxWaiting = 32;

/** The thread's module, as TypeScript in development and as JavaScript in the package. */
const thread = new URL(`./bcrypt-thread${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);

/**
 * Holds passwords against bcrypt hashes, one after the other in a thread that exists while there is something to
 * compare.
 */
export class BcryptComparer {
  readonly #waiting = new Map<number, (equal: boolean | undefined) => void>();
  #worker: Worker | undefined;
  #next = 0;

  /** Whether the password is the hash's; undefined when too many comparisons wait already or the thread broke. */
  compare(password: string, hash: string): Promise<boolean | undefined> {
    if (this.#waiting.size >= maxWaiting) return Promise.resolve(undefined);
    const id = this.#next++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#worker ??= this.#start();
      this.#worker.postMessage({ id, password, hash } satisfies Comparison);
    });
  }

  #start(): Worker {
    const worker = new Worker(thread, { execArgv: [], env: {} });
    const end = () => {
      if (this.#worker === worker) this.#worker = undefined;
      void worker.terminate();
    };
    worker.on("message", ({ id, equal }: { id: number; equal: boolean }) => {
      this.#waiting.get(id)?.(equal);
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) end();
    });
    worker.on("error", () => {
      end();
      for (const resolve of this.#waiting.values()) resolve(undefined);
      this.#waiting.clear();
    });
    return worker;
  }
}
