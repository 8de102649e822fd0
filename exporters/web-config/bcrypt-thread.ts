import { parentPort } from "node:worker_threads";
import { compareSync } from "bcryptjs";

/** A password and the hash that it is held against. */
export interface Comparison {
  readonly id: number;
  readonly password: string;
  readonly hash: string;
}

// bcrypt takes its time on purpose; in a thread of its own it delays no scrape.
parentPort?.on("message", ({ id, password, hash }: Comparison) => {
  parentPort?.postMessage({ id, equal: compareSync(password, hash) });
});
