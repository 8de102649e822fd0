import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { NumberSet } from "../platform/number-set.ts";

/** What has arrived at the clients of a connection server. */
export interface InboxCounts {
  /** Distinct messages. */
  readonly delivered: number;
  /** Deliveries of a message that was there already; the client does not show them. */
  readonly duplicates: number;
  /** Messages that came after a later one of the same recipient. */
  readonly outOfOrder: number;
}

/**
 * The messages that the simulated clients have received. They are numbered in the order in which they were sent, and each
 * is in the file before it is acknowledged: the file stands for what people have on their devices, so a connection server
 * that dies and comes back knows it again.
 */
export class Inbox {
  readonly #file: number;
  readonly #delivered = new NumberSet();
  readonly #last = new Map<string, number>();
  #duplicates = 0;
  #outOfOrder = 0;

  /** Reads what is in the file and appends to it. */
  constructor(path: string) {
    this.#file = openSync(path, "a+", 0o600);
    for (const line of readFileSync(path, "latin1").split("\n")) {
      const [number, userId] = line.split(" ");
      if (userId !== undefined) this.#note(Number(number), userId);
    }
  }

  get counts(): InboxCounts {
    return {
      delivered: this.#delivered.size,
      duplicates: this.#duplicates,
      outOfOrder: this.#outOfOrder,
    };
  }

  get delivered(): NumberSet {
    return this.#delivered;
  }

  /** Takes a message, which may be there already. */
  receive(number: number, userId: string): void {
    if (this.#delivered.has(number)) {
      this.#duplicates += 1;
      return;
    }
    writeSync(this.#file, `${number} ${userId}\n`);
    this.#note(number, userId);
  }

  close(): void {
    closeSync(this.#file);
  }

  #note(number: number, userId: string): void {
    this.#delivered.add(number);
    const last = this.#last.get(userId) ?? -1;
    if (number < last) this.#outOfOrder += 1;
    else this.#last.set(userId, number);
  }
}
