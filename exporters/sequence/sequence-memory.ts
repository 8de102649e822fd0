import { randomBytes } from "node:crypto";
import type { SequenceMaximum } from "../../core/postgres/sequence-maxima.ts";
import { SampleMemory } from "../postgres-sample.ts";

/** Shards' canaries that are remembered; clusters have at most 1,000 nodes by Redis's own recommendation. */
const mostCanaries = 1_000;

/** What a canary last counted. */
export interface LastCount {
  readonly count: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Milliseconds that it was then given to live. */
  readonly lifetime: number;
}

/** What the sequence probe keeps between scrapes, also when the configuration is read anew. */
export class SequenceMemory {
  /** Tells this exporter's canaries from others': increments of others would cover up for lost ones. */
  readonly exporter = randomBytes(4).toString("hex");
  readonly maxima = new SampleMemory<SequenceMaximum>();
  /** Times that a canary was found to have gone back. */
  regressions = 0;
  readonly #counts = new Map<string, LastCount>();

  /** What a canary, named by its servers and its key, last counted, if anything. */
  lastCount(canary: string): LastCount | undefined {
    return this.#counts.get(canary);
  }

  counted(canary: string, count: number, lifetime: number): void {
    this.#counts.delete(canary);
    this.#counts.set(canary, { count, at: Date.now(), lifetime });
    const [oldest] = this.#counts.keys();
    if (this.#counts.size > mostCanaries && oldest !== undefined) this.#counts.delete(oldest);
  }
}
