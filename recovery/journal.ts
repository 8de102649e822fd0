import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { RecoveryName } from "../catalog/recoveries.ts";
import type { Config } from "../core/config/schema.ts";
import { messageOf, RedisopsError } from "../core/errors.ts";

/** One line of a run's journal. Every line is on disk before the run goes on. */
export type JournalEntry = { readonly at: string } & (
  | {
      readonly event: "started";
      readonly run: string;
      readonly recovery: RecoveryName;
      readonly plan: unknown;
    }
  | { readonly event: "step_started"; readonly step: string }
  | { readonly event: "step_ended"; readonly step: string; readonly seconds: number }
  | { readonly event: "executed"; readonly items: number; readonly seconds: number }
  | {
      readonly event: "verified";
      readonly holds: boolean;
      readonly figures: Readonly<Record<string, number>>;
    }
  | { readonly event: "failed"; readonly code: string; readonly message: string }
);

type NewEntry = JournalEntry extends infer Entry
  ? Entry extends JournalEntry
    ? Omit<Entry, "at">
    : never
  : never;

/** How many of the newest journals are read for the typical duration. */
const journalsRead = 20;

/** Folder of the runs' journals. */
export function journalFolder(config: Config): string {
  const state =
    config.state_dir ?? join(process.env.XDG_STATE_HOME || join(homedir(), ".local", "state"), "redisops");
  return join(state, "runs");
}

/** An append-only journal of one run, as JSON lines. */
export class Journal {
  readonly path: string;
  readonly #file: number;
  #failure: RedisopsError | undefined;

  /** Creates the journal. Throws JOURNAL_UNWRITABLE, before anything was changed. */
  constructor(folder: string, runId: string) {
    this.path = join(folder, `${runId}.jsonl`);
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      this.#file = openSync(this.path, "ax", 0o600);
    } catch (error) {
      throw new RedisopsError(
        "JOURNAL_UNWRITABLE",
        `Cannot write the journal ${this.path}: ${messageOf(error)}`,
      );
    }
  }

  /** What made the journal unwritable, if anything did: it ends there. */
  get failure(): RedisopsError | undefined {
    return this.#failure;
  }

  /** Appends a line if the journal is still writable: what was done already is not undone by a full disk. */
  note(entry: NewEntry): void {
    try {
      this.append(entry);
    } catch {
      // Kept as the journal's failure.
    }
  }

  /** Appends a line and waits until the disk has it. Throws JOURNAL_UNWRITABLE, also ever after. */
  append(entry: NewEntry): void {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      writeSync(this.#file, `${JSON.stringify({ at: new Date().toISOString(), ...entry })}\n`);
      fsyncSync(this.#file);
    } catch (error) {
      this.#failure = new RedisopsError(
        "JOURNAL_UNWRITABLE",
        `Cannot write the journal ${this.path}: ${messageOf(error)}`,
      );
      throw this.#failure;
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Items per second of earlier executed runs of a recovery, newest first; unreadable journals are passed over. */
export function earlierRates(folder: string, recovery: RecoveryName): number[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  const own = names.filter((name) => name.startsWith(`${recovery}-`) && name.endsWith(".jsonl")).sort();
  return own
    .slice(-journalsRead)
    .reverse()
    .flatMap((name) => {
      try {
        const lines = readFileSync(join(folder, name), "utf8").trimEnd().split("\n");
        return lines
          .map((line) => JSON.parse(line) as JournalEntry)
          .flatMap((entry) => (entry.event === "executed" ? [entry.items / entry.seconds] : []))
          .filter((rate) => Number.isFinite(rate) && rate > 0);
      } catch {
        return [];
      }
    });
}
