import { createReadStream, createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Duplicate } from "./duplicate.ts";

/** Files that are merged at once; bounds memory and open files. */
const mostAtOnce = 64;
/** Duplicates handed out at once. */
const batchSize = 2_000;

const bytewise = (one: string, other: string) => Buffer.compare(Buffer.from(one), Buffer.from(other));

/** The order in which duplicates are listed: by the first send, then by the id's bytes. */
function inOrder(one: Duplicate, other: Duplicate): number {
  if (one.first_at !== other.first_at) return one.first_at < other.first_at ? -1 : 1;
  return bytewise(one.notification_id, other.notification_id);
}

/** Sorts more than fits into memory: sorted files that are merged in the end. */
export class SortedRuns {
  readonly #folder: string;
  #runs: string[] = [];
  #made = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Takes some; they are sorted here. */
  async add(some: readonly Duplicate[]): Promise<void> {
    if (some.length > 0) await this.#write(some.toSorted(inOrder));
  }

  /** Hands all of them out in their order. The files are gone afterwards. */
  async *merged(): AsyncGenerator<readonly Duplicate[]> {
    while (this.#runs.length > mostAtOnce) {
      const some = this.#runs.splice(0, mostAtOnce);
      await this.#write(merge(some));
      await Promise.all(some.map((path) => rm(path)));
    }
    let batch: Duplicate[] = [];
    for await (const one of merge(this.#runs)) {
      batch.push(one);
      if (batch.length < batchSize) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
    await Promise.all(this.#runs.map((path) => rm(path)));
    this.#runs = [];
  }

  async #write(sorted: Iterable<Duplicate> | AsyncIterable<Duplicate>): Promise<void> {
    const path = join(this.#folder, `run-${++this.#made}`);
    const lines = async function* () {
      for await (const one of sorted) yield `${JSON.stringify(one)}\n`;
    };
    await pipeline(Readable.from(lines()), createWriteStream(path, { flags: "wx", mode: 0o600 }));
    this.#runs.push(path);
  }
}

async function* merge(paths: readonly string[]): AsyncGenerator<Duplicate> {
  const heads: { readonly rest: AsyncGenerator<Duplicate>; one: Duplicate }[] = [];
  for (const path of paths) {
    const rest = linesOf(path);
    const first = await rest.next();
    if (first.done !== true) heads.push({ rest, one: first.value });
  }
  while (heads.length > 0) {
    let least = 0;
    for (const [index, head] of heads.entries()) {
      const other = heads[least];
      if (other !== undefined && inOrder(head.one, other.one) < 0) least = index;
    }
    const head = heads[least];
    if (head === undefined) return;
    yield head.one;
    const next = await head.rest.next();
    if (next.done === true) heads.splice(least, 1);
    else head.one = next.value;
  }
}

async function* linesOf(path: string): AsyncGenerator<Duplicate> {
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY });
  for await (const line of lines) yield JSON.parse(line) as Duplicate;
}
