import { randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import type { Chunk } from "../recovery.ts";
import type { ShadowBits } from "./shadow-bits.ts";
import { type ReadPart, type ShadowOptions, tooManyIds } from "./shadow-filter.ts";

/** Bits that ids are put into in this process's memory. */
export interface LocalBits {
  readonly shards: readonly Uint8Array[];
  /** Distinct ids, about. */
  readonly distinct: number;
  addRange(bytes: Uint8Array, start: number, end: number): void;
}

/** Ids between two questions whether the run may go on: some hundredths of a second. */
const idsPerPace = 32_768;
/** Milliseconds of reading after which what was built is brought to the server; a killed run loses as much. */
const pushInterval = 30_000;

/**
 * Reads parts into this process's memory, and brings the bits to the server from time to time: a part is finished when
 * they are there. The bits stay here as well, so that each push holds everything this process has read.
 */
export class LocalBuild {
  readonly bits: LocalBits;
  /** Parts that are in the bits. */
  readonly parts = new Set<string>();
  readonly #options: ShadowOptions;
  readonly #shadow: ShadowBits;
  readonly #worker = randomUUID();
  #held: Chunk[] = [];
  #pushedAt = performance.now();
  #read = 0;

  constructor(options: ShadowOptions, shadow: ShadowBits, bits: LocalBits) {
    this.#options = options;
    this.#shadow = shadow;
    this.bits = bits;
  }

  /** Parts that were read and are not finished yet. */
  get held(): number {
    return this.#held.length;
  }

  async take(chunk: Chunk, read: ReadPart): Promise<void> {
    const { config, connection, run } = this.#options;
    const { capacity } = config.filter;
    const before = this.#read;
    let paced = 0;
    this.#held.push(chunk);
    const ids = await read({
      onId: (bytes, start, end) => this.bits.addRange(bytes, start, end),
      onRead: (done) => {
        this.#showRead(before + done);
        if (this.bits.distinct > capacity) throw tooManyIds(capacity, connection.target);
        if (done - paced < idsPerPace) return;
        const items = done - paced;
        paced = done;
        return run.pace(items);
      },
    });
    this.#read = before + ids;
    this.#showRead(this.#read);
    this.parts.add(chunk.id);
    if (performance.now() - this.#pushedAt > pushInterval) await this.settle();
  }

  /** Brings the bits to the server and finishes the parts that they hold. Answers whether there were any. */
  async settle(): Promise<boolean> {
    if (this.#held.length === 0) return false;
    const { context, run } = this.#options;
    const { shards } = this.bits;
    const total = shards.reduce((sum, { length }) => sum + length, 0);
    await run.pace(0);
    await this.#shadow.merge({
      pieces: shards,
      parts: this.#held.map(({ id }) => id),
      worker: this.#worker,
      beforeChunk: () => run.pace(0),
      onProgress: (done) => context.onProgress({ phase: "push", done, total, unit: "bytes" }),
      signal: context.signal,
    });
    await this.finish();
    this.#pushedAt = performance.now();
    return true;
  }

  /** Finishes the parts that are held, once their bits are safe. */
  async finish(): Promise<void> {
    const finished = this.#held;
    this.#held = [];
    for (const chunk of finished) await chunk.done();
  }

  #showRead(done: number): void {
    const { context, expectedIds } = this.#options;
    context.onProgress({ phase: "read", done, total: Math.max(done, expectedIds), unit: "ids" });
  }
}
